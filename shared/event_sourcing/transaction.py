"""Many works in one transaction: what Kafka batches and due work share. The caller opens the transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from shared.event_sourcing.append import save
from shared.event_sourcing.database import Connection
from shared.event_sourcing.decider import Given
from shared.event_sourcing.store import Changes, Stream, load
from shared.event_sourcing.unit_of_work import Advance, Context, UnitOfWork, Work

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


class Batch(Generic[C, S, E]):
    """Streams loaded once, decided on in order, written at the end. Locks: calendar, then numbers, then the rest."""

    def __init__(self, work: UnitOfWork[C, S, E], connection: Connection) -> None:
        self._work = work
        self._connection = connection
        self._streams: dict[str, Stream[S]] = {}
        self.changes = Changes()
        self.given = Given(datetime.min)  # noqa: DTZ901 - replaced by `begin`, the first thing called

    async def begin(self) -> None:
        """Take the database's time, and the calendar lock where the service has deadlines of working days."""
        calendar = (
            "(select version from calendar_version for share)"
            if self._work.definition.uses_calendar
            else "1"
        )
        row = await self._connection.fetchrow(
            f"with c as (select {calendar} as calendar) select datacloud_now() as now, calendar from c"  # noqa: S608 - fixed texts
        )
        assert row is not None  # noqa: S101 - a select without from has one row
        self.given = Given(row["now"], calendar_version=row["calendar"])

    async def load(self, stream_ids: Sequence[str]) -> None:
        """Read these streams, but for those read before."""
        missing = sorted(set(stream_ids) - self._streams.keys())
        if missing:
            work = self._work
            self._streams |= await load(self._connection, work.definition, work.codec, missing)

    def state(self, stream_id: str) -> S:
        """The stream as decided so far."""
        return self._streams[stream_id].state

    def advance(
        self, works: Sequence[tuple[Work[C], Context]], at: datetime | None = None
    ) -> list[Advance[S, E]]:
        """Decide these works, all or none; nothing is kept yet. Raises Refused."""
        streams: dict[str, Stream[S]] = {}
        advances = []
        given = self.given if at is None else replace(self.given, at=at)
        for work, context in works:
            stream = streams.get(work.stream_id) or self._streams[work.stream_id]
            advance = self._work.advance(stream, work.command(given), context, given.at)
            if advance.events:
                advance.changes.add_rows(work.rows)
                advance.changes.outbox += work.pointers
            streams[work.stream_id] = advance.stream
            advances.append(advance)
        return advances

    def keep(self, advances: Sequence[Advance[S, E]]) -> None:
        """Take what was decided into the transaction."""
        for advance in advances:
            self._streams[advance.stream.stream_id] = advance.stream
            self.changes.merge(advance.changes)

    async def take_number(self, series: str) -> None:
        """The next number of a gapless register, for the works that follow."""
        row = await self._connection.fetchrow(
            """insert into numbers as held (series, year, last)
            values ($1, extract(year from $2::timestamptz at time zone $3)::integer, 1)
            on conflict (series, year) do update set last = held.last + 1 returning last, year""",
            series, self.given.at, self._work.definition.zone,
        )  # fmt: skip
        assert row is not None  # noqa: S101 - an upsert returns its row
        self.given = replace(self.given, number=row["last"], year=row["year"])

    async def give_number_back(self, series: str) -> None:
        """Nothing came of it: the register stays gapless, because its row is locked until we commit."""
        await self._connection.execute(
            "update numbers set last = last - 1 where series = $1 and year = $2",
            series,
            self.given.year,
        )

    async def write(self) -> Changes:
        """Write everything kept; answers it, for the wake-ups after the commit."""
        await save(self._connection, self.changes)
        return self.changes
