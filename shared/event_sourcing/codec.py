"""Events to bytes and back, and the hash that chains them. Bytes are stored as written and never re-serialised."""

import hashlib
from collections.abc import Iterable
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter

E = TypeVar("E")

GENESIS = bytes(32)
_ABSENT = (0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")


class EventCodec(Generic[E]):
    """Encodes a service's frozen dataclasses as JSON under their class name; reads back every event ever stored."""

    def __init__(self, events: Iterable[type[E]]) -> None:
        self._adapters: dict[str, TypeAdapter[E]] = {
            event.__name__: TypeAdapter(event) for event in events
        }

    def encode(self, event: E) -> tuple[str, bytes]:
        """Type name and body; an event class the service did not list is a fault of the program."""
        name = type(event).__name__
        if name not in self._adapters:
            message = f"{name} is not listed among the events of this service"
            raise LookupError(message)
        return name, orjson.dumps(event)

    def decode(self, name: str, body: bytes) -> E:
        """The event as it was; raises LookupError or pydantic.ValidationError when history is unreadable."""
        return self._adapters[name].validate_json(body)


def chain(previous: bytes, fields: Iterable[bytes | None]) -> bytes:
    """SHA-256 over the stream's previous hash and the length-prefixed fields; absent differs from empty."""
    digest = hashlib.sha256(previous)
    for field in fields:
        if field is None:
            digest.update(_ABSENT)
        else:
            digest.update(len(field).to_bytes(8, "big"))
            digest.update(field)
    return digest.digest()


def link(  # noqa: PLR0913, PLR0917 - what the chain protects: all that a row says but its position and its time
    previous: bytes,
    stream_id: str,
    version: int,
    event_id: UUID,
    name: str,
    body: bytes,
    metadata: bytes,
    published: int,
    fact_type: str | None,
    fact: bytes | None,
) -> bytes:
    """The hash of an event row, after that of the stream's previous one."""
    fields = (
        stream_id.encode(),
        str(version).encode(),
        event_id.bytes,
        name.encode(),
        body,
        metadata,
        str(published).encode(),
        fact_type.encode() if fact_type else None,
        fact,
    )
    return chain(previous, fields)


def as_json(value: Any) -> bytes:  # noqa: ANN401 - whatever orjson can write
    """Compact JSON; UUIDs, dates and aware datetimes in their ISO forms."""
    return orjson.dumps(value)
