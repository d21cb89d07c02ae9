"""What pydantic finds wrong, told in Indonesian under the field's path; no English gets through."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic_core import ErrorDetails, PydanticCustomError

from shared.web.problems import FieldError

ERRORS_MAX = 50
WHOLE = "body"
_NAME_LENGTH_MAX = 100
_OWN_PREFIX = "datacloud_"
_FALLBACK = "Nilainya tidak sah."
_DATE = "Tulis tanggal sebagai tahun-bulan-hari, misalnya 2026-11-23."
_INSTANT = "Tulis tanggal, jam dan selisih zona waktu, misalnya 2026-11-23T10:00:00+07:00."

_EXACT: Mapping[str, str] = {
    "missing": "Wajib diisi.",
    "extra_forbidden": "Isian ini tidak dikenal.",
    "none_required": "Harus dikosongkan.",
    "json_invalid": "JSON tidak dapat dibaca.",
    "json_type": "JSON tidak dapat dibaca.",
    "string_too_short": "Paling sedikit {min_length} karakter.",
    "string_too_long": "Paling banyak {max_length} karakter.",
    "string_pattern_mismatch": "Bentuknya tidak sesuai.",
    "string_unicode": "Memuat karakter yang tidak sah.",
    "string_type": "Harus berupa teks.",
    "too_short": "Paling sedikit {min_length} butir.",
    "too_long": "Paling banyak {max_length} butir.",
    "greater_than": "Harus lebih dari {gt}.",
    "greater_than_equal": "Paling sedikit {ge}.",
    "less_than": "Harus kurang dari {lt}.",
    "less_than_equal": "Paling banyak {le}.",
    "multiple_of": "Harus kelipatan {multiple_of}.",
    "literal_error": "Pilih salah satu: {expected}.",
    "enum": "Pilih salah satu: {expected}.",
    "union_tag_invalid": "Pilih salah satu: {expected_tags}.",
    "union_tag_not_found": "Wajib diisi.",
    "model_type": "Harus berupa objek JSON.",
    "recursion_loop": "Bersarang terlalu dalam.",
    "recursion_depth_exceeded": "Bersarang terlalu dalam.",
    "date_past": "Harus sudah lewat.",
    "date_future": "Harus belum lewat.",
    "datetime_past": "Harus sudah lewat.",
    "datetime_future": "Harus belum lewat.",
}
_BY_PREFIX: Sequence[tuple[str, str]] = (
    ("datetime_", _INSTANT),
    ("timezone_", "Sertakan selisih zona waktu, misalnya +07:00."),
    ("date_", _DATE),
    ("time_delta_", "Tulis lamanya dengan benar."),
    ("time_", "Tulis jam, misalnya 10:00."),
    ("bool_", "Harus true atau false."),
    ("int_", "Harus berupa bilangan bulat."),
    ("float_", "Harus berupa bilangan."),
    ("decimal_", "Harus berupa bilangan."),
    ("uuid_", "Harus berupa UUID."),
    ("url_", "Harus berupa alamat web."),
    ("list_", "Harus berupa daftar."),
    ("tuple_", "Harus berupa daftar."),
    ("set_", "Harus berupa daftar."),
    ("frozen_set_", "Harus berupa daftar."),
    ("dict_", "Harus berupa objek JSON."),
)


def refuse_value(code: str, message: str, field: str | None = None) -> NoReturn:
    """For validators: the value is wrong. `message` is Indonesian and quotes no input.

    `field` names the field at fault where a validator of the whole model finds it.
    """
    raise PydanticCustomError(_OWN_PREFIX + code, message, {"field": field} if field else None)


def field_errors(found: Sequence[ErrorDetails], sent: object = None) -> tuple[FieldError, ...]:
    """At most fifty; `sent` (the parsed input) tells which parts of a location are fields."""
    return tuple(
        FieldError(field_path(_location(error, sent)), message_of(error))
        for error in found[:ERRORS_MAX]
    )


def field_path(location: Sequence[str | int]) -> str:
    """`administrator.nip`, `added[0].date`; WHOLE where no single field is at fault."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{_shown(part)}"
    return path.removeprefix(".") or WHOLE


def message_of(error: ErrorDetails) -> str:
    """What to do about it."""
    kind = error["type"]
    if kind.startswith(_OWN_PREFIX):
        return error["msg"]
    template = _EXACT.get(kind) or next(
        (message for prefix, message in _BY_PREFIX if kind.startswith(prefix)), _FALLBACK
    )
    try:
        return template.format_map(_in_indonesian(error.get("ctx", {})))
    except KeyError:
        return _FALLBACK


def _in_indonesian(context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.replace(" or ", " atau ").replace("'", "") if isinstance(value, str) else value
        for key, value in context.items()
    }


def _location(error: ErrorDetails, sent: object) -> list[str | int]:
    """Leaves out what is no field: the tag of a union, the name of a validator."""
    location: list[str | int] = []
    value = sent
    for part in error["loc"]:
        if isinstance(value, Mapping) and part not in value and part != error["loc"][-1]:
            continue
        if isinstance(part, str) and isinstance(value, (str, int, float, list)):
            continue
        location.append(part)
        value = _inner(value, part)
    context = error.get("ctx", {})
    if error["type"] == "union_tag_not_found":
        location.append(str(context.get("discriminator", "")).strip("'"))
    if isinstance(named := context.get("field"), str) and error["type"].startswith(_OWN_PREFIX):
        location.append(named)
    return location


def _inner(value: object, part: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _shown(name: str) -> str:
    shown = "".join(each if each.isprintable() else "�" for each in name[:_NAME_LENGTH_MAX])
    return shown + "…" if len(name) > _NAME_LENGTH_MAX else shown
