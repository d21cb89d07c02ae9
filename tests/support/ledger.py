"""The smallest service there can be: things happen in streams, and each may tell, schedule, reserve and be shown."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import asyncpg

from shared.event_sourcing.database import Pool, open_pool
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.store import (
    CancelDue,
    Definition,
    Free,
    Published,
    Recorded,
    Reserve,
    SetDue,
    Upsert,
)
from shared.event_sourcing.unit_of_work import Context, Handled, UnitOfWork, Work

TOPIC = "datacloud.ledger.v1"
NOTES = (
    "create table notes (stream_id text primary key, last text not null, count integer not null)"
)


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing, and what follows from it."""

    what: str
    tell: bool = False
    due: tuple[str, datetime] | None = None
    cancel: str | None = None
    reserve: str | None = None
    free: str | None = None


@dataclass(frozen=True, slots=True)
class Do:
    """Let these things happen; with `expected`, only while the stream has that many; with `once`, each only once."""

    events: tuple[Happened, ...]
    expected: int | None = None
    once: bool = False
    refuse: str | None = None


History = tuple[str, ...]
Ledger = UnitOfWork[Do, History, Happened]


def decide(command: Do, state: History) -> Sequence[Happened]:
    if command.refuse:
        raise Refused(command.refuse)
    if command.expected is not None and command.expected != len(state):
        raise Refused("stale", version=str(len(state)))
    return [each for each in command.events if not (command.once and each.what in state)]


def evolve(state: History, event: Happened) -> History:
    return (*state, event.what)


def publish(event: Happened, state: History) -> Published | None:
    return (
        Published(TOPIC, "happened", f"{event.what} {len(state)}".encode()) if event.tell else None
    )


def due(event: Happened, _: History) -> Iterable[SetDue | CancelDue]:
    if event.due:
        yield SetDue(event.due[0], "ring", event.due[1], {"what": event.what})
    if event.cancel:
        yield CancelDue(event.cancel)


def reserve(event: Happened, _: History) -> Iterable[Reserve | Free]:
    if event.reserve:
        yield Reserve(event.reserve)
    if event.free:
        yield Free(event.free)


def rows(recorded: Recorded[Happened], state: History) -> Iterable[Upsert]:
    values = {"last": recorded.event.what, "count": len(state)}
    yield Upsert("notes", {"stream_id": recorded.stream_id}, values)


DEFINITION: Definition[Do, History, Happened] = Definition(
    "ledger", Decider(tuple, decide, evolve), [Happened], publish, due, rows, reserve
)


@asynccontextmanager
async def ledger(dsn: str, owner_dsn: str, *, size: int = 10) -> AsyncIterator[Ledger]:
    """The service on its database, with the one view of its own."""
    owner: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(owner_dsn)
    role = dsn.split("//")[1].split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]
    if not await owner.fetchval("select to_regclass('notes')"):
        await owner.execute(f'{NOTES}; grant select, insert, update, delete on notes to "{role}"')
    await owner.close()
    pool = await open_pool(dsn, size=size)
    try:
        yield UnitOfWork(pool, DEFINITION)
    finally:
        await pool.close()


def context() -> Context:
    return Context("tester", uuid4())


def work(stream_id: str, *events: Happened, expected: int | None = None) -> Work[Do]:
    """These things, in this stream."""
    command = Do(events, expected)
    return Work(stream_id, lambda _: command)


async def do(unit: Ledger, stream_id: str, *events: Happened) -> Handled[History, Happened]:
    """Let it happen, as a request over HTTP would."""
    return await unit.handle(work(stream_id, *events), context())


async def history(pool: Pool, stream_id: str) -> list[asyncpg.Record]:
    """The rows of a stream as they are stored."""
    return await pool.fetch("select * from events where stream_id = $1 order by version", stream_id)


async def count(pool: Pool, table: str) -> int:
    """How many rows a table has."""
    return int(await pool.fetchval(f"select count(*) from {table}"))  # noqa: S608 - a table of ours
