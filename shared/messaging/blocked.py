"""Records that wait: held for a missing predecessor, parked for a person, or loose (no stream can be read from them).

Promise P5 (nothing vanishes): a blocked record keeps its bytes, headers and place until it is applied or discarded.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
from aiokafka import ConsumerRecord

from shared.contracts.registry import Fact, Malformed, UnknownType, decode
from shared.contracts.topics import dead_letters_of
from shared.event_sourcing.database import Connection
from shared.messaging.envelope import Envelope, Unaddressed, open_envelope
from shared.messaging.reading import Unreadable

VALUE_BYTES_MAX = 1024 * 1024
DETAIL_CHARACTERS_MAX = 500

Place = tuple[str, int, int]
Headers = Sequence[tuple[str, bytes | None]]


@dataclass(slots=True)
class Received:
    """A record on its way in. `reason` says why it cannot be applied; `stored_id` is its row, if it has one.

    `taken` = its outcome is committed and counted.
    """

    place: Place
    key: bytes | None
    value: bytes | None
    headers: Headers
    stream: str | None = None
    sequence: int | None = None
    fact_id: UUID | None = None
    reason: str | None = None
    detail: str = ""
    envelope: Envelope | None = None
    fact: Fact | None = None
    unreadable: bool = False
    unknown_type: bool = False
    taken: bool = False
    stored_id: int | None = None
    stored_reason: str | None = None

    @property
    def stream_key(self) -> tuple[str, str]:
        """Marks and blocked rows belong to a topic's stream."""
        return self.place[0], self.stream or ""


def receive(record: ConsumerRecord) -> Received:
    """Read a record from the consumer; whatever is in it, this does not raise."""
    place = record.topic, record.partition, record.offset
    if isinstance(record, Unreadable):
        detail = "its bytes are in the topic only: a header's name is not UTF-8"
        return Received(
            place, None, None, (), reason="header_name_not_utf8", detail=detail, unreadable=True
        )
    received = read(Received(place, record.key, record.value, record.headers))
    received.unreadable = received.reason is not None
    return received


def read(received: Received) -> Received:
    """Fill in what the bytes say, or the reason why they say nothing."""
    opened = open_envelope(received.key, received.headers)
    if isinstance(opened, Unaddressed):
        received.reason = opened.reason
        return received
    received.envelope = opened
    received.stream, received.sequence = opened.subject, opened.sequence
    received.fact_id = opened.fact_id
    if opened.defect:
        received.reason = opened.defect
    elif received.value is None:
        received.reason = "empty_value"
    elif len(received.value) > VALUE_BYTES_MAX:
        received.reason = "value_too_large"
    else:
        _read_value(received, opened, received.value)
    return received


def _read_value(received: Received, opened: Envelope, value: bytes) -> None:
    try:
        received.fact = decode(opened.ce_type, value)
    except UnknownType:
        received.unknown_type = True
    except Malformed as malformed:
        received.reason, received.detail = "malformed_value", str(malformed)


COLUMNS = (
    'topic, partition, "offset", stream, sequence, fact_id, reason, detail, key, value, headers'
)
_INSERT = f"""
insert into blocked (subscription, {COLUMNS})
select $1, * from unnest($2::text[], $3::integer[], $4::bigint[], $5::text[], $6::bigint[], $7::uuid[], $8::text[],
    $9::text[], $10::bytea[], $11::bytea[], $12::bytea[])
on conflict (subscription, topic, partition, "offset") do update set reason = excluded.reason, detail = excluded.detail
returning id, topic, reason
"""  # noqa: S608 - fixed text
_MIRROR = """
insert into outbox (topic, key, source, ref)
select topic, '', 'blocked', ref from unnest($1::text[], $2::bigint[]) as parked(topic, ref)
"""
_OF_STREAMS = """
select b.* from blocked b join unnest($2::text[], $3::text[]) as wanted(topic, stream)
on b.topic = wanted.topic and b.stream = wanted.stream
where b.subscription = $1 and b.reason is distinct from 'conflict' order by b.sequence limit 5000
"""
_LOOSE = """
select b.topic, b.partition, b."offset" from blocked b
join unnest($2::text[], $3::integer[], $4::bigint[]) as wanted(topic, partition, place)
on b.topic = wanted.topic and b.partition = wanted.partition and b."offset" = wanted.place
where b.subscription = $1
"""


async def of_streams(
    connection: Connection, subscription: str, streams: Sequence[tuple[str, str]]
) -> list[Received]:
    """What these (topic, stream) pairs have waiting, in order."""
    topics, names = [topic for topic, _ in streams], [stream for _, stream in streams]
    return [
        from_row(row) for row in await connection.fetch(_OF_STREAMS, subscription, topics, names)
    ]


async def stored_places(
    connection: Connection, subscription: str, places: Sequence[Place]
) -> set[Place]:
    """Which of these places have a row already."""
    if not places:
        return set()
    rows = await connection.fetch(_LOOSE, subscription, *map(list, zip(*places, strict=True)))
    return {(row["topic"], row["partition"], row["offset"]) for row in rows}


async def insert(
    connection: Connection, subscription: str, waiting: Sequence[Received]
) -> list[tuple[int, str]]:
    """Keep these records; a row of the same place takes the new reason. Never refused: texts are cleaned and cut.

    Answers id and topic of those that wait for a person.
    """
    if not waiting:
        return []
    rows = await connection.fetch(
        _INSERT, subscription, *map(list, zip(*map(_row, waiting), strict=True))
    )
    return [(row["id"], row["topic"]) for row in rows if row["reason"] is not None]


async def mirror(
    connection: Connection, subscription: str, parked: Sequence[tuple[int, str]]
) -> None:
    """Have these rows said on their dead-letter topics; pointers, so that a row that goes before is not said."""
    if parked:
        topics = [dead_letters_of(topic, subscription) for _, topic in parked]
        await connection.execute(_MIRROR, topics, [row_id for row_id, _ in parked])


async def delete(connection: Connection, ids: Sequence[int]) -> None:
    """Take these rows away."""
    if ids:
        await connection.execute("delete from blocked where id = any($1::bigint[])", ids)


async def mark_parked(connection: Connection, record: Received) -> None:
    """A held record turned out to be bad: it stays where it is, parked."""
    await connection.execute(
        "update blocked set reason = $2, detail = $3 where id = $1",
        record.stored_id, record.reason, _clean(record.detail),
    )  # fmt: skip


async def heads(connection: Connection, subscription: str) -> list[Received]:
    """Held records whose predecessor is in by now: what a crash may have left undrained."""
    rows = await connection.fetch(
        """select b.* from blocked b join marks m
        on m.subscription = b.subscription and m.topic = b.topic and m.stream = b.stream
        where b.subscription = $1 and b.reason is null and b.sequence = m.sequence + 1""",
        subscription,
    )
    return [from_row(row) for row in rows]


async def by_ids(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, Received]]:
    """Subscription and record of these rows, as far as they are still there."""
    rows = await connection.fetch("select * from blocked where id = any($1::bigint[])", ids)
    return {row["id"]: (row["subscription"], from_row(row)) for row in rows}


def _row(received: Received) -> tuple[object, ...]:
    return (
        *received.place,
        _clean(received.stream),
        received.sequence,
        received.fact_id,
        received.reason,
        _clean(received.detail) or "",
        received.key,
        received.value,
        orjson.dumps([[_clean(name), _base64(value)] for name, value in received.headers]),
    )


def from_row(row: asyncpg.Record) -> Received:
    """A stored record, read again by today's program."""
    headers = [
        (name, None if value is None else base64.b64decode(value))
        for name, value in orjson.loads(row["headers"])
    ]
    received = Received(
        (row["topic"], row["partition"], row["offset"]),
        row["key"],
        row["value"],
        headers,
    )
    read(received)
    received.unreadable = received.reason is not None
    received.reason = received.reason or row["reason"]
    received.detail = received.detail or str(row["detail"])
    received.stored_id = row["id"]
    received.stored_reason = row["reason"]
    return received


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    printable = text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return printable[:DETAIL_CHARACTERS_MAX]
