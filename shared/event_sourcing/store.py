"""What one transaction writes, as data: `Changes`, and how a stream is read back.

Promises P1 (kept) and P6 (same past, same present). The SQL that writes `Changes` stands in append.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
import orjson

from shared.event_sourcing.codec import GENESIS, EventCodec
from shared.event_sourcing.database import Connection
from shared.event_sourcing.decider import Decider

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

FACT_RECOVERED, FACT_RENUMBERED = "fact_recovered", "fact_renumbered"
STORE_EVENTS = frozenset({FACT_RECOVERED, FACT_RENUMBERED})
"""The store's own events, of a database that was restored (recovering.py): they carry facts, and no state follows."""

Value = object
Row = Mapping[str, Value]
Source = Literal["event", "person", "text", "blocked"]


@dataclass(frozen=True, slots=True)
class Upsert:
    """One row to write whole: inserted, or its `values` replaced where `key` stands already."""

    table: str
    key: Row
    values: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """One row to take away, if it is there."""

    table: str
    key: Row


@dataclass(frozen=True, slots=True)
class SetDue:
    """Work to do at `due_at`; setting the same name of the stream again replaces it and voids a running lease."""

    name: str
    kind: str
    due_at: datetime
    payload: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelDue:
    """The named work of the stream is not to be done any more."""

    name: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """The stream takes this name; a second stream that wants it is refused."""

    name: str


@dataclass(frozen=True, slots=True)
class Free:
    """The stream gives the name back."""

    name: str


@dataclass(frozen=True, slots=True)
class NumberTaken:
    """The register of that year has given out this number."""

    series: str
    year: int
    number: int


@dataclass(frozen=True, slots=True)
class Published:
    """A public fact, encoded: where it goes and the exact bytes of its value."""

    topic: str
    type: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event with its place in history, as views see it."""

    event: E
    stream_id: str
    version: int
    occurred_at: datetime


class Pointer(NamedTuple):
    """An outbox row: what the relay has to look up and say."""

    topic: str
    key: str
    source: Source
    ref: int = 0


def nothing(*_: object) -> tuple[()]:
    """What a service answers that has no views, no scheduled work or no reservations."""
    return ()


def silent(*_: object) -> None:
    """What a service answers that says nothing in public."""


@dataclass(frozen=True, slots=True)
class Definition(Generic[C, S, E]):
    """Everything the store needs to know of a service. `state` is always the state after the event.

    `views` are the tables that `rows` writes, all of them and no others: they can be folded again from the events.
    A row of theirs belongs to one stream. `recovered` says what a fact means for names and registers whose event was
    lost with a database.
    """

    service: str
    decider: Decider[C, S, E]
    events: Sequence[type[E]]
    publish: Callable[[E, S], Published | None] = silent
    due: Callable[[E, S], Iterable[SetDue | CancelDue]] = nothing
    rows: Callable[[Recorded[E], S], Iterable[Upsert | Delete]] = nothing
    reserve: Callable[[E, S], Iterable[Reserve | Free]] = nothing
    views: Sequence[str] = ()
    recovered: Callable[[Published], Iterable[Reserve | Free | NumberTaken]] = nothing
    uses_calendar: bool = False
    zone: str = "Asia/Pontianak"


class EventRow(NamedTuple):
    """A row of `events` as it is written; fields are named as columns. A tuple: thousands are made per second."""

    stream_id: str
    version: int
    event_id: UUID
    type: str
    body: bytes
    metadata: bytes
    published: int
    fact_type: str | None
    fact: bytes | None
    hash: bytes


class DueRow(NamedTuple):
    """A row of `scheduled` as it is written."""

    stream_id: str
    name: str
    kind: str
    due_at: datetime
    payload: bytes
    metadata: bytes


@dataclass(slots=True)
class Changes:
    """All that one transaction writes. Within it the last row of a key wins, and the last word on a name."""

    events: list[EventRow] = field(default_factory=list)
    outbox: list[Pointer] = field(default_factory=list)
    rows: dict[tuple[object, ...], Upsert | Delete] = field(default_factory=dict)
    due: dict[tuple[str, str], DueRow | None] = field(default_factory=dict)
    reserved: dict[tuple[str, str], bool] = field(default_factory=dict)

    def add_rows(self, rows: Iterable[Upsert | Delete]) -> None:
        """Keep the last row per table and key: one statement may not touch a row twice."""
        for row in rows:
            self.rows[(row.table, *row.key.values())] = row

    def merge(self, later: "Changes") -> None:
        """Take in what was decided after this."""
        self.events += later.events
        self.outbox += later.outbox
        self.rows |= later.rows
        self.due |= later.due
        self.reserved |= later.reserved

    def __bool__(self) -> bool:
        return bool(self.events or self.outbox or self.rows or self.due or self.reserved)


@dataclass(frozen=True, slots=True)
class Stream(Generic[S]):
    """A stream folded to the present. Version 0 = it has no events yet."""

    stream_id: str
    state: S
    version: int = 0
    published: int = 0
    hash: bytes = GENESIS
    marks: Mapping[str, str] = field(default_factory=dict)
    correlation_id: UUID | None = None


_LOAD = """
select stream_id, version, type, body, published, hash
from events where stream_id = any($1::text[]) order by stream_id, version
"""


async def load(
    connection: Connection,
    definition: Definition[C, S, E],
    codec: EventCodec[E],
    stream_ids: Sequence[str],
) -> dict[str, Stream[S]]:
    """Every named stream, folded; one query. A stream nobody has written to is at version 0."""
    records = await connection.fetch(_LOAD, stream_ids)
    return fold(definition, codec, stream_ids, records)


def fold(
    definition: Definition[C, S, E],
    codec: EventCodec[E],
    stream_ids: Iterable[str],
    records: Iterable[asyncpg.Record],
) -> dict[str, Stream[S]]:
    """Fold records ordered by stream and version. Where metadata was selected, marks and correlation are read.

    A stream with facts that were recovered goes on behind them, with their numbers and hashes; its state knows nothing
    of what the lost events said.
    """
    evolve = definition.decider.evolve
    states: dict[str, S] = {stream_id: definition.decider.initial() for stream_id in stream_ids}
    last: dict[str, asyncpg.Record] = {}
    marks: dict[str, dict[str, str]] = {}
    correlations: dict[str, UUID] = {}
    for record in records:
        stream_id = record["stream_id"]
        if record["type"] not in STORE_EVENTS:
            event = codec.decode(record["type"], record["body"])
            states[stream_id] = evolve(states[stream_id], event)
        last[stream_id] = record
        if metadata := record.get("metadata"):
            said = orjson.loads(metadata)
            correlations.setdefault(stream_id, UUID(said["correlation_id"]))
            if mark := said.get("idempotency"):
                marks.setdefault(stream_id, {})[mark["key"]] = mark["body"]
    return {
        stream_id: Stream(
            stream_id,
            state,
            last[stream_id]["version"],
            last[stream_id]["published"],
            last[stream_id]["hash"],
            marks.get(stream_id, {}),
            correlations.get(stream_id),
        )
        if stream_id in last
        else Stream(stream_id, state)
        for stream_id, state in states.items()
    }
