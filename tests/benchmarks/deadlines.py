"""A midnight at which very many deadlines end: how fast they are fired (promise P7)."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.event_sourcing.append import save
from shared.event_sourcing.scheduling import Deadlines
from shared.event_sourcing.store import Changes, Stream
from shared.event_sourcing.unit_of_work import Work
from tests.benchmarks.measure import Row
from tests.support.ledger import Do, Happened, History, Ledger, context

DEADLINES = 10_000


async def rows(unit: Ledger) -> list[Row]:
    """One row; each deadline becomes an event with its fact and its view row."""
    midnight, run = datetime.now(UTC) - timedelta(hours=1), uuid4().hex[:6]
    changes = Changes()
    for number in range(DEADLINES):
        stream: Stream[History] = Stream(f"{run}.{number}", ())
        scheduled = Do((Happened("scheduled", due=("alarm", midnight)),))
        changes.merge(unit.advance(stream, scheduled, context(), midnight).changes)
    async with unit.pool.acquire() as connection:
        await save(connection, changes)
    breached = Do((Happened("breached", tell=True),))
    deadlines = Deadlines(unit, "ring", lambda due: Work(due.stream_id, lambda _: breached))
    began = time.perf_counter()
    while await deadlines.round():
        pass
    rate = DEADLINES / (time.perf_counter() - began)
    return [Row(f"deadlines fired, {DEADLINES:,} at one instant", rate, "per second", 2_000)]
