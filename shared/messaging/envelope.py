"""The headers of a record: CloudEvents 1.0, binary mode. Writing them, and reading them from whoever wrote them.

`open_envelope` never raises. It tells apart a record whose stream and number can be read, so that a defect blocks that
stream alone (`Envelope.defect`), from one that belongs nowhere (`Unaddressed`).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from shared.contracts.registry import schema_id

CONTENT_TYPE = b"application/json"
SPECVERSION = b"1.0"
SEQUENCE_MAX = 2**63 - 1
TEXT_CHARACTERS_MAX = 255

_SEQUENCE_DIGITS_MAX = len(str(SEQUENCE_MAX))
# Dead-letter tools write binary numbers under such names, and they stay on a record that is sent again.
_FOREIGN = "kafka_"
_REQUIRED = ("ce_id", "ce_type", "ce_time", "ce_specversion")
_OURS = {
    *_REQUIRED,
    *("ce_source", "ce_subject", "ce_sequence", "ce_dataschema", "ce_correlationid"),
    *("ce_causationid", "traceparent", "content-type"),
}
_FIRST_YEAR, _YEAR_TOO_LATE = 2000, 2200  # as in facts: far enough from datetime's edges
_NIL_UUID = str(UUID(int=0))
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Header = tuple[str, bytes | None]
Id = UUID | str
"""As it is stored, where it is stored as text: UUIDs to and fro took a third of the relay's time."""


class Unaddressed(NamedTuple):
    """Source, subject or number cannot be read: this record belongs to no stream and can block none."""

    reason: str


class Envelope(NamedTuple):
    """Whose fact it is and where it stands in its stream. A tuple: thousands are made per second.

    With a `defect` (a snake_case reason) only `source`, `subject` and `sequence` are sure.
    """

    source: str
    subject: str
    sequence: int
    fact_id: UUID | None = None
    ce_type: str = ""
    time: datetime | None = None
    correlation_id: UUID | None = None
    traceparent: str | None = None
    defect: str | None = None


class _Bad(Exception):  # noqa: N818 - a reason on its way to the top of this file's one reader
    """Carries the snake_case reason."""


def headers(  # noqa: PLR0913 - one parameter per header
    *,
    event_id: Id,
    source: str,
    ce_type: str,
    time: datetime | str,
    subject: str,
    sequence: int | None,
    correlation_id: Id,
    causation_id: Id | None,
    traceparent: str | None,
) -> list[tuple[str, bytes]]:
    """All headers of a record; `sequence` is none on compacted topics, `time` any aware instant or its UTC text."""
    text = time if isinstance(time, str) else time.astimezone(UTC).isoformat()
    said = [
        *_of_every(source, ce_type),
        ("ce_id", str(event_id).encode()),
        ("ce_time", text.replace("+00:00", "Z").encode()),
        ("ce_subject", subject.encode()),
        ("ce_correlationid", str(correlation_id).encode()),
    ]
    if sequence is not None:
        said.append(("ce_sequence", str(sequence).encode()))
    if causation_id is not None:
        said.append(("ce_causationid", str(causation_id).encode()))
    if traceparent is not None:
        said.append(("traceparent", traceparent.encode()))
    return said


@lru_cache(maxsize=256)
def _of_every(source: str, ce_type: str) -> tuple[tuple[str, bytes], ...]:
    """The headers that all records of a type have in common."""
    return (
        ("ce_specversion", SPECVERSION),
        ("ce_type", ce_type.encode()),
        ("ce_source", source.encode()),
        ("ce_dataschema", schema_id(ce_type).encode()),
        ("content-type", CONTENT_TYPE),
    )


def open_envelope(key: bytes | None, headers: Iterable[Header]) -> Envelope | Unaddressed:
    """What the headers of a record of a topic of facts say."""
    texts, flaws = _texts(headers)
    try:
        source = _word("ce_source", texts, flaws)
        subject = _word("ce_subject", texts, flaws)
        sequence = _sequence(texts, flaws)
    except _Bad as bad:
        return Unaddressed(str(bad))
    try:
        return _complete(key, texts, flaws, Envelope(source, subject, sequence))
    except _Bad as bad:
        fact_id = _id_if_readable(texts, flaws)
        return Envelope(source, subject, sequence, fact_id, defect=str(bad))


def _texts(headers: Iterable[Header]) -> tuple[dict[str, str], dict[str, str]]:
    """The headers as texts, and per name what is wrong with it. A name said twice counts as neither value."""
    texts: dict[str, str] = {}
    flaws: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(_FOREIGN):
            continue
        if name in texts:
            flaws[name] = f"{_reason_name(name)}_twice"
        elif value is None:
            flaws[name] = f"{_reason_name(name)}_null"
        else:
            try:
                texts[name] = value.decode()
            except UnicodeDecodeError:
                flaws[name] = f"{_reason_name(name)}_not_utf8"
    return texts, flaws


def _complete(
    key: bytes | None, texts: dict[str, str], flaws: dict[str, str], address: Envelope
) -> Envelope:
    for flaw in flaws.values():
        raise _Bad(flaw)
    for name in _REQUIRED:
        if name not in texts:
            raise _Bad(f"{name}_missing")
    if texts["ce_specversion"] != "1.0":
        raise _Bad("ce_specversion_unsupported")
    if not texts.get("content-type", "application/json").startswith("application/json"):
        raise _Bad("content_type_unsupported")
    if key is None:
        raise _Bad("key_missing")
    if key != address.subject.encode():
        raise _Bad("key_differs_from_subject")
    if not _UUID.fullmatch(texts.get("ce_causationid", _NIL_UUID)):
        raise _Bad("ce_causationid_not_a_uuid")
    traceparent = texts.get("traceparent")
    return Envelope(
        *address[:3],
        _uuid("ce_id", texts),
        _word("ce_type", texts, {}),
        _time(texts["ce_time"]),
        _uuid("ce_correlationid", texts),
        # A broken trace is not worth a blocked stream: the standard says to start a new one.
        traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
    )


def _word(name: str, texts: dict[str, str], flaws: dict[str, str]) -> str:
    """A text that can be stored, compared and shown."""
    if name in flaws:
        raise _Bad(flaws[name])
    text = texts.get(name)
    if text is None:
        raise _Bad(f"{name}_missing")
    if not 0 < len(text) <= TEXT_CHARACTERS_MAX or not text.isprintable():
        raise _Bad(f"{name}_unprintable")
    return text


def _sequence(texts: dict[str, str], flaws: dict[str, str]) -> int:
    digits = _word("ce_sequence", texts, flaws)
    if digits.isascii() and digits.isdecimal() and len(digits) <= _SEQUENCE_DIGITS_MAX:
        sequence = int(digits)
        if 0 < sequence <= SEQUENCE_MAX:
            return sequence
    raise _Bad("ce_sequence_not_a_positive_integer")


def _uuid(name: str, texts: dict[str, str]) -> UUID | None:
    """None where it may be absent and is; a required one was checked to be there."""
    text = texts.get(name)
    if text is None:
        return None
    if not _UUID.fullmatch(text):
        raise _Bad(f"{name}_not_a_uuid")
    return UUID(text)


def _id_if_readable(texts: dict[str, str], flaws: dict[str, str]) -> UUID | None:
    """Even a defective record should be told apart from another with the same number."""
    try:
        return None if "ce_id" in flaws else _uuid("ce_id", texts)
    except _Bad:
        return None


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _Bad("ce_time_unreadable") from None
    if time.tzinfo is None:
        raise _Bad("ce_time_without_offset")
    if not _FIRST_YEAR <= time.year < _YEAR_TOO_LATE:
        raise _Bad("ce_time_unreadable")
    return time


def _reason_name(name: str) -> str:
    """A foreign header's name may be anything: it does not enter a reason."""
    return name.replace("-", "_") if name in _OURS else "header"
