"""Takes personal data and secrets out of what is about to be logged (OWASP ASVS 16.2.5).

The second line of defence: the first is that callers log ids. Addresses, numbers and tokens are
found by key and by pattern; a person's name has no pattern and is found by its key only.
"""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
_DEPTH_MAX = 6
_TEXT_LENGTH_MAX = 8000

_PERSONAL_KEYS = frozenset(
    {
        "name", "full_name", "nama", "position", "nip", "nik", "email", "mail", "to", "recipient",
        "phone", "telepon", "address", "alamat", "narrative", "answer", "text", "body", "claims",
        "authorization", "cookie", "set_cookie", "token", "password", "secret", "dsn",
        "tracking_code", "idempotency_key",
    }
)  # fmt: skip
_PERSONAL_SUFFIXES = (
    "_email",
    "_phone",
    "_nip",
    "_nik",
    "_address",
    "_password",
    "_token",
    "_secret",
    "_narrative",
)
_PERSON_NAMES = re.compile(
    r"^(administrator|complainant|contact|officer|person|section|signer|user)_name$"
)

_PATTERNS = re.compile(
    r"(?P<bearer>\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|(?P<jwt>\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)"
    r"|(?P<tracking>\b[kK]\d{1,9}-[0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5,6}){4}\b)"
    r"|(?P<email>[^\s@<>\"'(),:;=\[\]{}]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    r"|(?P<credentials>(?<=://)[^\s/@:]+:[^\s/@]+(?=@))"
    r"|(?P<nip>(?<![0-9A-Za-z-])\d{8}\s?\d{6}\s?\d\s?\d{3}(?![0-9A-Za-z-]))"
    r"|(?P<phone>(?<![0-9A-Za-z.:-])(?:\+62|62|0)[ -]?8\d{1,2}[ -]?\d{3,4}[ -]?\d{3,5}"
    r"(?![0-9A-Za-z-]))"
)


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields with personal ones hidden; nested mappings and sequences included."""
    return {key: _hidden_or_clean(key, value, 0) for key, value in fields.items()}


def redact_text(text: str) -> str:
    """Without what looks like an address, a person's number, a token or a tracking code."""
    if len(text) > _TEXT_LENGTH_MAX:
        text = text[:_TEXT_LENGTH_MAX] + "…"
    return _PATTERNS.sub(HIDDEN, text)


def is_personal(key: object) -> bool:
    """Whether a field of this name is never logged."""
    if not isinstance(key, str):
        return False
    name = key.lower().replace("-", "_")
    return (
        name in _PERSONAL_KEYS
        or name.endswith(_PERSONAL_SUFFIXES)
        or bool(_PERSON_NAMES.match(name))
    )


def _hidden_or_clean(key: object, value: object, depth: int) -> object:
    return HIDDEN if value is not None and is_personal(key) else _clean(value, depth)


def _clean(value: object, depth: int) -> object:
    match value:
        case str():
            return redact_text(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Mapping() | list() | tuple() | set() | frozenset() if depth >= _DEPTH_MAX:
            return "<nested too deeply>"
        case Mapping():
            return {
                str(key): _hidden_or_clean(key, inner, depth + 1) for key, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_clean(inner, depth + 1) for inner in value]
        case _:
            return value


def describe(error: BaseException) -> str:
    """An exception in one line, without the input that libraries quote in their messages."""
    kind = type(error).__name__
    if callable(errors := getattr(error, "errors", None)) and kind.endswith("ValidationError"):
        mistakes = errors()
        places = ", ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['type']}"
            for each in mistakes[:20]
        )
        return f"{kind}({places})"
    if isinstance(sqlstate := getattr(error, "sqlstate", None), str):
        constraint = getattr(error, "constraint_name", None)
        # Class 22 (data exception) quotes the value; str(error) would add DETAIL, the row.
        message = "" if sqlstate.startswith("22") else str(error.args[0] if error.args else "")
        return redact_text(
            f"{kind}({sqlstate}{f', {constraint}' if constraint else ''}): {message}".rstrip(": ")
        )
    return redact_text(f"{kind}: {str(error)[:500]}".rstrip(": "))
