"""Reads a JSON body so that there is one way to understand it, or none.

UTF-8 only; a key twice, an unknown field, too deep or too long is refused, naming the field.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from shared.web.field_messages import ERRORS_MAX, WHOLE, field_errors, field_path
from shared.web.fields import refuse_forged
from shared.web.problems import FieldError, Problem, field_problem, problem

JSON_BYTES_MAX = 64 * 1024
_DEPTH_MAX = 12
_INTEGER_DIGITS_MAX = 18  # every such number is a bigint of the database
_TWICE = "Tertulis dua kali."
_NO_NUMBER = object()  # stands in for a number that no field can hold, until its place is known


class RequestBody(BaseModel):
    """What every JSON body is: strict types, no unknown field, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


M = TypeVar("M", bound=RequestBody)


async def read_json(request: Request, model: type[M], bytes_max: int = JSON_BYTES_MAX) -> M:
    """The checked body. Raises a Problem: 415 wrong media type, 413 too long, 422 otherwise."""
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if media_type.strip() != "application/json" or not is_utf8(parameters):
        raise problem(415, detail="Kirim isi sebagai application/json dalam UTF-8.")
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > bytes_max:
            raise field_problem(WHOLE, f"Paling besar {bytes_max // 1024} KiB.", 413)
        body += chunk
    return parse_json(bytes(body), model)


def is_utf8(parameters: str) -> bool:
    """Whether the parameters of a media type leave the charset at UTF-8."""
    name, _, value = parameters.strip().partition("=")
    return name.strip() != "charset" or value.strip().strip('"') in {"utf-8", "utf8"}


def parse_json(body: bytes, model: type[M], place: str = WHOLE) -> M:
    """The bytes as the model. `place` names the whole where no single field is at fault."""
    sent = _parse(body, place)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        raise _invalid(field_errors(mistakes, sent), place) from None


def _parse(body: bytes, place: str) -> object:
    if not body.strip():
        raise field_problem(place, "Wajib diisi.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise field_problem(place, "Harus berupa teks UTF-8.") from None
    twice: dict[int, str] = {}

    def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            twice[id(fields)] = _first_twice(key for key, _ in pairs)
            kept_alive.append(fields)
        return fields

    kept_alive: list[object] = []  # an id belongs to a living object only
    try:
        sent: object = json.loads(
            text,
            object_pairs_hook=each_key_once,
            parse_int=_integer,
            parse_constant=lambda _: _NO_NUMBER,
        )
    except RecursionError:
        raise field_problem(place, "Bersarang terlalu dalam.") from None
    except ValueError:
        raise field_problem(place, "JSON tidak dapat dibaca.") from None
    errors = list(islice(_mistakes(sent, twice), ERRORS_MAX))
    if not errors and twice:  # inside a value that a second key replaced
        errors = [FieldError(field_path([key]), _TWICE) for key in twice.values()]
    if errors:
        raise _invalid(errors, place)
    return sent


def _invalid(errors: Iterable[FieldError], place: str) -> Problem:
    named = (FieldError(place, each.message) if each.field == WHOLE else each for each in errors)
    return problem(422, *named)


def _mistakes(sent: object, twice: Mapping[int, str]) -> Iterator[FieldError]:
    """What no model may see: a key twice, NUL, an unpaired surrogate, reversed writing, depth, no number."""
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(sent, ())]
    while waiting:
        value, path = waiting.pop()
        if len(path) > _DEPTH_MAX:
            yield FieldError(field_path(path), "Bersarang terlalu dalam.")
        elif value is _NO_NUMBER:
            yield FieldError(field_path(path), "Bukan bilangan yang dapat dipakai.")
        elif isinstance(value, str):
            if message := _forgery(value):
                yield FieldError(field_path(path), message)
        elif isinstance(value, dict):
            if id(value) in twice:
                yield FieldError(field_path((*path, twice[id(value)])), _TWICE)
            for key, inner in value.items():
                if message := _forgery(key):
                    yield FieldError(field_path((*path, key)), message)
                waiting.append((inner, (*path, key)))
        elif isinstance(value, list):
            waiting += [(inner, (*path, place)) for place, inner in enumerate(value)]


def _forgery(text: str) -> str | None:
    try:
        refuse_forged(text)
    except PydanticCustomError as error:
        return error.message()
    return None


def _first_twice(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError


def _integer(digits: str) -> object:
    return int(digits) if len(digits.removeprefix("-")) <= _INTEGER_DIGITS_MAX else _NO_NUMBER
