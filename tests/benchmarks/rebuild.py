"""Folding all of history again into a view of one row per stream, beside the live one (promise P6)."""

import statistics
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from shared.event_sourcing.append import save
from shared.event_sourcing.rebuild import rebuild
from shared.event_sourcing.store import Changes, Stream
from tests.benchmarks.measure import Row, rate_of
from tests.support.ledger import DEFINITION, Do, Happened, History, Ledger, context

STREAMS, EVENTS_EACH, STREAMS_PER_COMMIT, ROUNDS = 20_000, 5, 2_000, 3
NOW = datetime(2026, 11, 24, tzinfo=UTC)


async def rows(unit: Ledger, owner_dsn: str) -> list[Row]:
    """One row; every rebuild finds each view row missing, so that all of it is written and swapped."""
    for _ in range(STREAMS // STREAMS_PER_COMMIT):
        await _happen(unit)
    shown, count = replace(DEFINITION, views=("notes",)), STREAMS * EVENTS_EACH
    rates = []
    for _ in range(ROUNDS):
        await unit.pool.execute("delete from notes")
        rates.append(await rate_of(count, lambda: rebuild(owner_dsn, shown)))
    what = f"views rebuild, {count:,} events, {STREAMS:,} rows"
    return [Row(what, statistics.median(rates), "per second", 40_000)]


async def _happen(unit: Ledger) -> None:
    changes, happened = Changes(), Do(tuple([Happened("x" * 400, tell=True)] * EVENTS_EACH))
    for _ in range(STREAMS_PER_COMMIT):
        stream: Stream[History] = Stream(str(uuid4()), ())
        changes.merge(unit.advance(stream, happened, context(), NOW).changes)
    async with unit.pool.acquire() as connection:
        await save(connection, changes)
