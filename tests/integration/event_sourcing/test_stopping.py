"""A scheduler that is woken in the very moment in which it is asked to stop, stops (P12)."""

import asyncio

import pytest

from shared.event_sourcing.scheduling import Deadlines, Due
from shared.event_sourcing.unit_of_work import Work
from tests.support.ledger import Do, Happened, Ledger

STOP_SECONDS_MAX = 2.0


def ring(due: Due) -> Work[Do]:
    return Work(due.stream_id, lambda _: Do((Happened("rang"),)))


@pytest.mark.parametrize("steps", range(5))
async def test_woken_and_asked_to_stop_at_once_it_stops(unit: Ledger, steps: int) -> None:
    running = asyncio.create_task(Deadlines(unit, "ring", ring).run())
    await asyncio.sleep(0.2)
    unit.wakeups.of("ring").set()
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    _, late = await asyncio.wait({running}, timeout=STOP_SECONDS_MAX)
    running.cancel()
    assert not late
