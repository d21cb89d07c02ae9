"""All events folded again into fresh view tables beside the live ones, which they replace where they differ.

Promise P6 (same past, same present). Writers wait twice, for moments: while the highest position is noted, and at the
end, while what was appended meanwhile is folded and the tables change places. Nothing is published, scheduled or sent.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg
import structlog

from shared.event_sourcing import view_tables
from shared.event_sourcing.append import save
from shared.event_sourcing.database import PlainConnection
from shared.event_sourcing.folding import Fold
from shared.event_sourcing.store import Changes, Definition, Delete, Upsert
from shared.event_sourcing.view_tables import BESIDE, Compared

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

EVENTS_PER_PAGE = 2_000
ROWS_PER_COPY = 5_000
STREAMS_PER_PAGE = 200
FEW_STREAMS = 500
CATCHING_UP_MAX = 10
SWAPS_TRIED_MAX = 20
_LOCK = 0x0DA7A_0003
_SESSION = {"timezone": "UTC", "lock_timeout": "5s"}

log = structlog.get_logger(__name__)

Key = tuple[object, ...]
Shape = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A table with the columns of the key and the other columns of a row."""


class Busy(Exception):  # noqa: N818 - what happened, for the operator
    """Another rebuild of this database is running, or somebody does not let go of its events or views."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was folded and how the views differed; those that did were `replaced`, unless it was a check.

    `events` of streams that went on meanwhile were folded, and are counted, again.
    """

    events: int
    views: Sequence[Compared]
    replaced: bool


_PAGE = """
select stream_id, version, type, body, metadata from events
where (stream_id, version) > ($1, $2) and position <= $3 order by stream_id, version limit $4
"""
_STREAMS = """
select stream_id, version, type, body, metadata from events
where stream_id = any($1::text[]) order by stream_id, version
"""
_TOUCHED = "select distinct stream_id from events where position > $1 and position <= $2"
# Whoever appends takes the lock of the table before the number: none is in between while we hold ours.
_HIGHEST = "select case when is_called then last_value else 0 end from events_position_seq"


async def count_events(owner_dsn: str, definition: Definition[C, S, E]) -> int:
    """How many a rebuild would fold. Raises NotAView when a table of the service cannot be rebuilt."""
    async with _session(owner_dsn) as connection:
        for table in definition.views:
            await view_tables.key_of(connection, table)
        return int(await connection.fetchval("select count(*) from events"))


async def rebuild(
    owner_dsn: str, definition: Definition[C, S, E], *, check: bool = False
) -> Rebuilt:
    """Fold, compare, and (but for a check) put the fold in the place of the views that differ.

    Raises NotAView or Busy; then, as when it is interrupted, the live views are as they were.
    """
    async with _session(owner_dsn) as reader, _session(owner_dsn) as writer:
        if not await writer.fetchval("select pg_try_advisory_lock($1)", _LOCK):
            raise Busy
        try:
            await view_tables.make_beside(writer, definition.views)
            return await _Rebuild(definition, reader, writer).run(swap=not check)
        except asyncpg.LockNotAvailableError:
            raise Busy from None
        finally:
            if not writer.is_closed():
                await view_tables.remove(writer)


@asynccontextmanager
async def _session(owner_dsn: str) -> AsyncIterator[PlainConnection]:
    connection = await asyncpg.connect(owner_dsn, timeout=10, server_settings=_SESSION)
    try:
        yield connection
    finally:
        await connection.close()


class _Rebuild(Generic[C, S, E]):
    """One rebuild: `reader` pages through history while `writer` fills the tables beside."""

    def __init__(
        self, definition: Definition[C, S, E], reader: PlainConnection, writer: PlainConnection
    ) -> None:
        self._definition, self._reader, self._writer = definition, reader, writer
        self._fold = Fold(definition)
        self._ready: dict[Shape, list[Key]] = defaultdict(list)

    async def run(self, *, swap: bool) -> Rebuilt:
        async with self._writers_waiting():
            position = await self._highest()
        await self._fold_all(position)
        await view_tables.make_indexes(self._writer, self._definition.views)
        for _ in range(CATCHING_UP_MAX):
            async with self._writers_waiting():
                highest = await self._highest()
            touched = await self._fold_again(position, highest)
            position = highest
            if touched < FEW_STREAMS:
                break
        for attempt in range(SWAPS_TRIED_MAX):
            try:
                views = await self._end(position, swap=swap)
            except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError) as error:
                log.info("views_in_use", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(0.1 * attempt)
            else:
                return Rebuilt(self._fold.events, views, swap)
        raise Busy

    @asynccontextmanager
    async def _writers_waiting(self) -> AsyncIterator[None]:
        """A transaction in which nobody appends and nothing is half appended."""
        async with self._writer.transaction():
            await self._writer.execute("lock table events in share mode")
            yield

    async def _highest(self) -> int:
        return int(await self._writer.fetchval(_HIGHEST))

    async def _fold_all(self, upto: int) -> None:
        """Page by page in the order of the key; the next page is read while this one is folded."""
        page = self._read("", 0, upto)
        while records := await page:
            last = records[-1]
            page = self._read(last["stream_id"], last["version"], upto)
            await asyncio.sleep(0)  # it is on its way
            await self._keep(self._fold.take(records))
        await self._keep(self._fold.end())
        await self._copy(at_least=1)

    def _read(self, stream_id: str, version: int, upto: int) -> asyncio.Task[list[asyncpg.Record]]:
        return asyncio.create_task(
            self._reader.fetch(_PAGE, stream_id, version, upto, EVENTS_PER_PAGE)
        )

    async def _keep(self, rows: Iterable[Upsert | Delete]) -> None:
        for row in rows:
            if isinstance(row, Upsert):
                shape = row.table, tuple(row.key), tuple(row.values)
                self._ready[shape].append((*row.key.values(), *row.values.values()))
        await self._copy(at_least=ROWS_PER_COPY)

    async def _copy(self, *, at_least: int) -> None:
        for (table, key, values), rows in self._ready.items():
            if len(rows) >= at_least:
                await self._writer.copy_records_to_table(
                    table, records=rows, columns=[*key, *values], schema_name=BESIDE
                )
                rows.clear()

    async def _fold_again(self, after: int, upto: int) -> int:
        """The streams with events of these positions, from their beginning; answers how many there were."""
        found = await self._writer.fetch(_TOUCHED, after, upto)
        streams = [row["stream_id"] for row in found]
        for start in range(0, len(streams), STREAMS_PER_PAGE):
            records = await self._writer.fetch(_STREAMS, streams[start : start + STREAMS_PER_PAGE])
            changes = Changes()
            changes.add_rows(map(_beside, [*self._fold.take(records), *self._fold.end()]))
            await save(self._writer, changes)
        return len(streams)

    async def _end(self, position: int, *, swap: bool) -> Sequence[Compared]:
        async with self._writers_waiting():
            await self._fold_again(position, await self._highest())
            views = [
                await view_tables.compare(self._writer, each) for each in self._definition.views
            ]
            for view in views:
                if swap and view.differs:
                    await view_tables.swap(self._writer, view.table)
        return views


def _beside(row: Upsert | Delete) -> Upsert | Delete:
    table = f"{BESIDE}.{row.table}"
    if isinstance(row, Upsert):
        return Upsert(table, row.key, row.values)
    return Delete(table, row.key)
