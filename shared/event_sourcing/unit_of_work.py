"""Load, decide, write: the one write path of HTTP, Kafka batches and the scheduler.

Promises P1 (kept: what was answered is in the stream) and P3 (once). Optimistic: whoever finds the next version
taken loads again and decides again, with the time it was first given.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import asyncpg

from shared.event_sourcing.append import save
from shared.event_sourcing.codec import EventCodec, as_json, link
from shared.event_sourcing.database import (
    Connection,
    Pool,
    is_contention,
    is_world_away,
    taken_constraint,
)
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import KeyReused, Refused, Unavailable
from shared.event_sourcing.store import (
    Changes,
    Definition,
    Delete,
    DueRow,
    EventRow,
    Pointer,
    Recorded,
    Reserve,
    SetDue,
    Stream,
    Upsert,
    fold,
)
from shared.operations.kill_points import reached

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
S = TypeVar("S")
E = TypeVar("E")

ATTEMPTS_MAX = 64
FACT_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Context:
    """Who acts and what it follows from; stored with every event. `actor` is an id, never a name."""

    actor: str
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """HMACs of a client's key and of the body it came with: asking again gives the first answer."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Work(Generic[C_co]):
    """One command for one stream, with the personal rows that must be written together with its events."""

    stream_id: str
    command: Callable[[Given], C_co]
    number_series: str | None = None
    idempotency: Idempotency | None = None
    rows: Sequence[Upsert | Delete] = ()
    pointers: Sequence[Pointer] = ()


@dataclass(frozen=True, slots=True)
class Handled(Generic[S, E]):
    """What came of a command. `repeated`: the same key and body had been handled before."""

    state: S
    events: Sequence[E]
    at: datetime
    repeated: bool = False


@dataclass(slots=True)
class Wakeups:
    """Tells the background workers of this process that a commit left them something: relay, or a kind of due work."""

    events: dict[str, asyncio.Event] = field(default_factory=dict)

    def of(self, name: str) -> asyncio.Event:
        """The event the worker of this name waits on."""
        return self.events.setdefault(name, asyncio.Event())

    def after(self, changes: Changes) -> None:
        """Wake whoever the committed changes concern."""
        if changes.outbox:
            self.of("relay").set()
        for kind in {row.kind for row in changes.due.values() if row is not None}:
            self.of(kind).set()


class UnitOfWork(Generic[C, S, E]):
    """Any number of (stream, command) pairs against one database."""

    def __init__(self, pool: Pool, definition: Definition[C, S, E]) -> None:
        self.pool = pool
        self.definition = definition
        self.codec: EventCodec[E] = EventCodec(definition.events)
        self.wakeups = Wakeups()

    async def handle(self, work: Work[C], context: Context) -> Handled[S, E]:
        """Decide one command and keep what it decided.

        Raises Refused (nothing written), KeyReused, or Unavailable when the database is away or the stream is
        so contended that 64 attempts were not enough.
        """
        at: datetime | None = None
        taken_before: int | None = None
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(random.uniform(0, 0.002 * min(attempt, 10)))  # noqa: S311 - jitter
            try:
                async with self.pool.acquire() as connection:
                    handled, changes = await self._in_transaction(connection, work, context, at)
            except _NameTaken as taken:
                # Perhaps by this very command, asked twice at once: then its stream is there now.
                if taken.version == taken_before:
                    raise Refused("name_reserved") from taken
                at, taken_before = taken.at, taken.version
                continue
            except _Contended as lost:
                at = lost.at
                continue
            except Exception as error:
                if is_contention(error):
                    continue
                if is_world_away(error):
                    raise Unavailable from error
                raise
            self.wakeups.after(changes)
            return handled
        raise Unavailable

    async def _in_transaction(
        self, connection: Connection, work: Work[C], context: Context, at: datetime | None
    ) -> tuple[Handled[S, E], Changes]:
        """One statement needs none; a taken number goes back when nothing came of it."""
        if not (work.number_series or self.definition.uses_calendar):
            return await self._attempt(connection, work, context, at)
        transaction = connection.transaction()
        await transaction.start()
        try:
            handled, changes = await self._attempt(connection, work, context, at)
        except BaseException:
            if not connection.is_closed():
                await transaction.rollback()
            raise
        reached("before_commit_of_command")
        await (transaction.commit() if changes else transaction.rollback())
        reached("after_commit_of_command")
        return handled, changes

    async def _attempt(
        self, connection: Connection, work: Work[C], context: Context, at: datetime | None
    ) -> tuple[Handled[S, E], Changes]:
        stream, given = await self._load_one(connection, work, at)
        if work.idempotency and (body := stream.marks.get(work.idempotency.key)):
            if body != work.idempotency.body:
                raise KeyReused
            return Handled(stream.state, (), given.at, repeated=True), Changes()
        if (
            stream.correlation_id
        ):  # what is done to a case belongs to the conversation that opened it
            context = replace(context, correlation_id=stream.correlation_id)
        advance = self.advance(stream, work.command(given), context, given.at, work.idempotency)
        if advance.events:
            advance.changes.add_rows(work.rows)
            advance.changes.outbox += work.pointers
        try:
            reached("before_append_of_command")
            await save(connection, advance.changes)
            reached("after_append_of_command")
        except asyncpg.PostgresError as error:
            if taken_constraint(error) == "reserved_pkey":
                raise _NameTaken(given.at, stream.version) from error
            if is_contention(error):
                raise _Contended(given.at) from error
            raise
        return Handled(advance.stream.state, advance.events, given.at), advance.changes

    async def _load_one(
        self, connection: Connection, work: Work[C], at: datetime | None
    ) -> tuple[Stream[S], Given]:
        """The time is the database's, or that of the first attempt: a retry keeps it, and the year of its number."""
        now = "t as materialized (select coalesce($2::timestamptz, datacloud_now()) as now)"
        ctes, given = [now], ["t.now"]
        args: list[object] = [work.stream_id, at]
        if self.definition.uses_calendar:
            ctes.append("c as (select version as calendar from calendar_version for share)")
            given.append("(select calendar from c) as calendar")
        if work.number_series:
            ctes.append(_TAKE_NUMBER)
            given.append("(select last from n) as number, (select year from n) as year")
            args += [work.number_series, self.definition.zone]
        metadata = "e.metadata" if work.idempotency else "case e.version when 1 then e.metadata end"
        records = await connection.fetch(
            f"with {', '.join(ctes)} select {', '.join(given)}, e.stream_id, e.version, e.type, e.body,"  # noqa: S608 - fixed fragments
            f" e.published, e.hash, {metadata} as metadata"
            " from t left join events e on e.stream_id = $1 order by e.version",
            *args,
        )
        first = records[0]
        stored = [record for record in records if record["version"] is not None]
        stream = fold(self.definition, self.codec, [work.stream_id], stored)[work.stream_id]
        return stream, Given(
            first["now"],
            first["number"] if work.number_series else None,
            first["year"] if work.number_series else None,
            first["calendar"] if self.definition.uses_calendar else 1,
        )

    def advance(
        self,
        stream: Stream[S],
        command: C,
        context: Context,
        at: datetime,
        idempotency: Idempotency | None = None,
    ) -> "Advance[S, E]":
        """Decide and fold in memory; nothing is written. Raises Refused."""
        events = self.definition.decider.decide(command, stream.state)
        changes = Changes()
        for event in events:
            metadata = _metadata(context, at, idempotency)
            stream = self._record(stream, event, metadata, at, changes)
        return Advance(stream, events, changes)

    def _record(
        self, stream: Stream[S], event: E, about: dict[str, Any], at: datetime, changes: Changes
    ) -> Stream[S]:
        definition, stream_id, version = self.definition, stream.stream_id, stream.version + 1
        state = definition.decider.evolve(stream.state, event)
        said = definition.publish(event, state)
        if said and len(said.value) > FACT_BYTES_MAX:
            message = f"a {said.type} of {len(said.value)} bytes is larger than a topic takes"
            raise ValueError(message)
        published = stream.published + (1 if said else 0)
        name, body = self.codec.encode(event)
        event_id, metadata = uuid4(), as_json(about)
        fact_type, fact = (said.type, said.value) if said else (None, None)
        row = (stream_id, version, event_id, name, body, metadata, published, fact_type, fact)
        hashed = link(stream.hash, *row)
        changes.events.append(EventRow(*row, hashed))
        if said:
            changes.outbox.append(Pointer(said.topic, stream_id, "event", version))
        changes.add_rows(definition.rows(Recorded(event, stream_id, version, at), state))
        for due in definition.due(event, state):
            changes.due[(stream_id, due.name)] = (
                _due_row(stream_id, due, about, event_id) if isinstance(due, SetDue) else None
            )
        for name_held in definition.reserve(event, state):
            changes.reserved[(name_held.name, stream_id)] = isinstance(name_held, Reserve)
        return Stream(
            stream_id, state, version, published, hashed, stream.marks, stream.correlation_id
        )


_TAKE_NUMBER = """n as (
    insert into numbers as held (series, year, last)
    select $3, extract(year from t.now at time zone $4)::integer, 1 from t
    on conflict (series, year) do update set last = held.last + 1 returning held.last, held.year)"""


@dataclass(frozen=True, slots=True)
class Advance(Generic[S, E]):
    """A stream one command further, and what must be written to make it so."""

    stream: Stream[S]
    events: Sequence[E]
    changes: Changes


class _Contended(Exception):  # noqa: N818 - carries the time of the first attempt to the next one
    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at


class _NameTaken(_Contended):
    """A name was taken when the stream stood at `version`."""

    def __init__(self, at: datetime, version: int) -> None:
        super().__init__(at)
        self.version = version


def _due_row(stream_id: str, due: SetDue, about: dict[str, Any], event_id: UUID) -> DueRow:
    """What comes of the work follows from the event that scheduled it."""
    follows = as_json({**about, "causation_id": event_id, "idempotency": None})
    return DueRow(stream_id, due.name, due.kind, due.due_at, as_json(due.payload), follows)


def _metadata(context: Context, at: datetime, idempotency: Idempotency | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "actor": context.actor,
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id,
        "traceparent": context.traceparent,
        "occurred_at": at,
    }
    if idempotency:
        metadata["idempotency"] = {"key": idempotency.key, "body": idempotency.body}
    return metadata
