"""Five thousand facts at once are taken in within a minute, each once; all of them again change nothing (P3, P4)."""

import asyncio
import time

import pytest

from tests.integration.messaging.test_taking_in import noted, stream
from tests.support.bus import Bus, consuming, counted, fact, until
from tests.support.ledger import Ledger

STREAMS, EACH = 500, 10
SECONDS_MAX = 60.0


@pytest.mark.timeout(240)
async def test_five_thousand_facts_are_taken_in_within_a_minute_and_again_change_nothing(
    unit: Ledger, topic: Bus
) -> None:
    names = [stream() for _ in range(STREAMS)]
    records = [fact(name, number) for number in range(1, EACH + 1) for name in names]
    taking = topic.subscription(unit)
    for share in range(0, len(records), 500):
        await topic.send(*records[share : share + 500])
    async with consuming(unit, topic.bootstrap, taking):
        began = time.monotonic()
        await until(lambda: counted(taking.name).get("applied") == len(records), SECONDS_MAX)
        seconds = time.monotonic() - began
        print(f"{len(records)} facts in {seconds:.1f} s")  # noqa: T201 - the measurement
        for share in range(0, len(records), 500):
            await topic.send(*records[share : share + 500])
        await until(lambda: counted(taking.name).get("duplicate") == len(records), SECONDS_MAX)
        await asyncio.sleep(0.1)
    assert await noted(unit) == dict.fromkeys(names, EACH)
