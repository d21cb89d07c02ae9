"""Whatever is parked or held costs nothing any more: the processor is as idle as before anything came (P5)."""

import asyncio
import time
from uuid import uuid4

import pytest

from tests.integration.messaging.test_poison import POISON
from tests.support.bus import Bus, consuming, counted, fact, received
from tests.support.ledger import Ledger, count, history

SECONDS, SHARE_MAX = 4.0, 0.05
"""How long the processor is watched, and how much more of it than at rest may be used."""

HELD_STREAMS, HELD_EACH, OTHERS = 20, 5, 10


async def busy() -> float:
    """The share of one processor that this process uses now."""
    await asyncio.sleep(1)
    began = time.process_time()
    await asyncio.sleep(SECONDS)
    return (time.process_time() - began) / SECONDS


@pytest.mark.timeout(60)
async def test_with_poison_of_every_kind_parked_the_processor_is_idle(
    unit: Ledger, topic: Bus
) -> None:
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(str(uuid4()), 1))
        await received(taking.name, 1)
        at_rest = await busy()
        for _, spoil, _, _ in POISON:
            bad = str(uuid4())
            await topic.send(fact(bad, 1), spoil(fact(bad, 2)), fact(str(uuid4()), 1))
        total = 1 + 3 * len(POISON)
        await received(taking.name, total)
        afterwards = await busy()
        assert counted(taking.name)["received"] == total, "nothing is read twice"
    assert await count(unit.pool, "blocked") == sum(case[2] == "parked" for case in POISON)
    print(f"processor at rest {at_rest:.1%}, with poison parked {afterwards:.1%}")  # noqa: T201 - the measurement
    assert afterwards < at_rest + SHARE_MAX


@pytest.mark.timeout(60)
async def test_with_streams_held_behind_a_parked_record_the_processor_is_idle(
    unit: Ledger, topic: Bus
) -> None:
    taking, others = topic.subscription(unit), [str(uuid4()) for _ in range(OTHERS)]
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(str(uuid4()), 1))
        await received(taking.name, 1)
        at_rest = await busy()
        for _ in range(HELD_STREAMS):
            name = str(uuid4())
            following = [fact(name, number) for number in range(2, HELD_EACH + 1)]
            await topic.send(fact(name, 1, "BROKEN"), *following)
        await topic.send(*(fact(each, number) for number in (1, 2) for each in others))
        total = 1 + HELD_STREAMS * HELD_EACH + 2 * OTHERS
        outcomes = await received(taking.name, total)
        afterwards = await busy()
        assert counted(taking.name)["received"] == total, "nothing is read twice"
    held = HELD_STREAMS * (HELD_EACH - 1)
    assert outcomes == {"applied": 1 + 2 * OTHERS, "parked": HELD_STREAMS, "held": held}
    for each in others:
        assert len(await history(unit.pool, each)) == 2
    print(f"processor at rest {at_rest:.1%}, with {held} held {afterwards:.1%}")  # noqa: T201 - the measurement
    assert afterwards < at_rest + SHARE_MAX
