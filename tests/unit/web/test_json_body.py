"""A JSON body is understood in one way or refused, and the refusal names the field."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import pytest
from fastapi import APIRouter, Request
from pydantic import Field, model_validator

from shared.web.field_messages import refuse_value
from shared.web.fields import AwareInstant, Day, EmailAddress, Nip, SingleLineText
from shared.web.json_body import RequestBody, parse_json, read_json
from shared.web.problems import Problem
from tests.support.web import application, client_of, fields_of


class Administrator(RequestBody):
    kind: Literal["person", "section"]
    name: SingleLineText
    nip: Nip | None = None

    @model_validator(mode="after")
    def _a_person_has_a_nip(self) -> "Administrator":
        if self.kind == "person" and self.nip is None:
            refuse_value("nip_missing", "Wajib diisi untuk perorangan.", field="nip")
        return self


class Paper(RequestBody):
    kind: Literal["paper"]
    pages: int


class Slip(RequestBody):
    kind: Literal["slip"]
    written_on: Day


class Sample(RequestBody):
    letter_date: Day
    received_at: AwareInstant | None = None
    contact_email: EmailAddress
    administrator: Administrator
    seen_version: int = 1
    tags: tuple[str, ...] = ()
    papers: tuple[Annotated[Paper | Slip, Field(discriminator="kind")], ...] = ()
    place: int | tuple[int, ...] = 0


GOOD = (
    '{"letter_date": "2026-11-23", "contact_email": "a@kalbarprov.go.id",'
    ' "administrator": {"kind": "section", "name": "Bagian Umum"}}'
)


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/api/samples")
    async def sample(request: Request) -> dict[str, object]:
        read = await read_json(request, Sample)
        return {"name": read.administrator.name, "received_at": read.received_at}

    return router


APP = application(routes())


async def post(body: bytes | str, media_type: str = "application/json") -> tuple[int, list[str]]:
    async with client_of(APP) as client:
        answer = await client.post(
            "/api/samples", content=body, headers={"Content-Type": media_type}
        )
    return answer.status_code, [] if answer.is_success else list(fields_of(answer))


def with_field(name: str, value: str) -> str:
    return GOOD.removesuffix("}") + f', "{name}": {value}}}'


async def test_a_good_body_is_read() -> None:
    assert await post(GOOD) == (200, [])
    assert await post(GOOD, "application/json; charset=utf-8") == (200, [])


async def test_an_instant_is_kept_in_utc() -> None:
    read = Sample.model_validate_json(with_field("received_at", '"2026-11-23T10:00:00+07:00"'))
    assert read.received_at == datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ["body"]),
        (b"   ", ["body"]),
        (b"{", ["body"]),
        (b"[]", ["body"]),
        (b"null", ["body"]),
        (b'"text"', ["body"]),
        (b"\xff\xfe{}", ["body"]),
        (b"\xef\xbb\xbf" + GOOD.encode(), ["body"]),
        (GOOD.encode("utf-16"), ["body"]),
        (GOOD + "x", ["body"]),
        ("NaN", ["body"]),
        (with_field("seen_version", "9" * 4000), ["seen_version"]),
        (with_field("seen_version", "-" + "9" * 40), ["seen_version"]),
        (with_field("seen_version", "1e30"), ["seen_version"]),
        (with_field("seen_version", "1e999"), ["seen_version"]),
        (with_field("seen_version", "NaN"), ["seen_version"]),
        (with_field("tags", "[-Infinity]"), ["tags[0]"]),
        (with_field("seen_version", '"1"'), ["seen_version"]),
        (with_field("seen_version", "1.0"), ["seen_version"]),
        (with_field("seen_version", "true"), ["seen_version"]),
        (with_field("seen_version", "null"), ["seen_version"]),
        (with_field("unknown", "1"), ["unknown"]),
        (with_field("letter_date", '"2026-11-24"'), ["letter_date"]),
        (with_field("received_at", '"2026-11-23T10:00:00"'), ["received_at"]),
        (with_field("received_at", '"2026-11-23"'), ["received_at"]),
        (with_field("received_at", "1700000000"), ["received_at"]),
        (with_field("received_at", '"1700000000"'), ["received_at"]),
        (with_field("received_at", '"0001-01-01T00:00:00+14:00"'), ["received_at"]),
        (with_field("tags", '["a", 1]'), ["tags[1]"]),
        (with_field("tags", '["a", "\\u0000"]'), ["tags[1]"]),
        (with_field("tags", '["\\ud800"]'), ["tags[0]"]),
        (with_field("tags", '["\\u202e"]'), ["tags[0]"]),
        (with_field("a\\u0000b", "1"), ["a\ufffdb"]),
        (GOOD.replace('"section"', '"person"'), ["administrator.nip"]),
        (GOOD.replace('"section"', '"robot"'), ["administrator.kind"]),
        (GOOD.replace('"name": "Bagian Umum"', '"nama": "x"'), ["administrator.name", "administrator.nama"]),
        (GOOD.replace('"name"', '"kind": "person", "name"'), ["administrator.kind"]),
        (with_field("papers", '[{"kind": "paper", "pages": 1}, {"kind": "slip"}]'), ["papers[1].written_on"]),
        (with_field("papers", '[{"kind": "paper", "pages": "1"}]'), ["papers[0].pages"]),
        (with_field("papers", '[{"pages": 1}]'), ["papers[0].kind"]),
        (with_field("papers", '[{"kind": "map"}]'), ["papers[0]"]),
        (with_field("papers", '{"kind": "map"}'), ["papers"]),
        (with_field("place", '"x"'), ["place", "place"]),
        (GOOD.replace("2026-11-23", "2026-13-01"), ["letter_date"]),
        (GOOD.replace('"2026-11-23"', '"20000"'), ["letter_date"]),
        (GOOD.replace("Bagian Umum", "x" * 10_000), ["administrator.name"]),
        ("[" * 100_000, ["body"]),
        ("[" * 20_000, ["body"]),
        (with_field("tags", "[" * 30 + "]" * 30), ["tags" + "[0]" * 12]),
        ('{"a":' * 20 + "1" + "}" * 20, [".".join("a" * 13)]),
    ],
)  # fmt: skip
async def test_a_bad_body_is_refused_naming_the_field(body: str | bytes, fields: list[str]) -> None:
    status, named = await post(body)
    assert named == fields
    assert status == (413 if len(body) > 64 * 1024 else 422)


async def test_a_key_given_twice_inside_a_replaced_value_is_named_too() -> None:
    assert await post('{"a": {"b": 1, "b": 2}, "a": 1}') == (422, ["a"])
    body = GOOD.replace('"contact_email"', '"administrator": {"x": 1, "x": 2}, "contact_email"')
    assert await post(body) == (422, ["administrator"])


@pytest.mark.parametrize("body", [b"NaN", b'"\\u0000"', b"[]", b"{"])
def test_a_part_that_is_wrong_as_a_whole_is_named(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_json(body, Sample, "request")
    assert [error.field for error in refused.value.errors] == ["request"]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/json; charset=latin-1", "multipart/form-data", ""]
)
async def test_another_media_type_is_415(media_type: str) -> None:
    assert await post(GOOD, media_type) == (415, [])


async def test_what_was_sent_is_never_repeated() -> None:
    async with client_of(APP) as client:
        body = GOOD.replace("a@kalbarprov.go.id", "Budi Santoso <budi@x.id>")
        answer = await client.post(
            "/api/samples", content=body, headers={"Content-Type": "application/json"}
        )
    assert fields_of(answer) == ["contact_email"]
    assert "budi" not in answer.text.lower()
