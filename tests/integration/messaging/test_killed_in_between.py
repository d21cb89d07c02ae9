"""Killed where no request leads: while lost facts are recovered, and while a held record is parked (P2, P3, P5)."""

import asyncio
import signal

import pytest

from shared.operations.kill_points import DIED_AT
from tests.integration.messaging.test_recovery import TOLD, Producer, lost, the_chain_holds
from tests.integration.messaging.test_republishing import wire
from tests.integration.messaging.test_taking_in import noted, stream
from tests.support.bus import Bus, consuming, fact
from tests.support.ledger import Ledger, do
from tests.support.servers import Databases
from tests.support.victim import Told

OF_RECOVERY = (
    "before_append_of_recovered",
    "after_append_of_recovered",
    "before_commit_of_recovered",
    "after_commit_of_recovered",
    "before_noting_recovered",
    "after_noting_recovered",
)
OF_PARKING = ("before_commit_of_parked", "after_commit_of_parked")


async def waiting(unit: Ledger) -> list[tuple[int, str | None]]:
    rows = await unit.pool.fetch("select sequence, reason from blocked order by sequence")
    return [tuple(row) for row in rows]


async def killed(told: Told, what: str, point: str) -> None:
    """It died there, and by nothing else."""
    ended = await asyncio.to_thread(told.run, what, point)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert f"{DIED_AT}{point}\n" in ended.stderr


@pytest.mark.parametrize("point", OF_RECOVERY)
async def test_a_recovery_killed_anywhere_is_finished_by_the_next_start(
    databases: Databases, dsn: str, topic: Bus, point: str
) -> None:
    producer = Producer(databases, topic)
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        for number in range(9):
            await do(unit, f"s{number % 3}", TOLD)
    before = wire(await topic.read(9))
    await killed(Told(yesterday, topic.bootstrap, topic.topic), "recover", point)
    async with producer.at_work(yesterday) as unit:
        await producer.recovery(unit, yesterday).done()
        assert await lost(unit) == [(f"s{n}", number) for n in range(3) for number in (1, 2, 3)]
        await the_chain_holds(unit)
    assert wire(await topic.read(9)) == before
    assert await topic.ends() == 9, "nothing is said again"


@pytest.mark.parametrize("point", OF_PARKING)
async def test_a_held_record_that_is_being_parked_is_parked_by_the_next_start(
    unit: Ledger, dsn: str, topic: Bus, point: str
) -> None:
    name, taking = stream(), topic.subscription(unit)
    await topic.send(fact(name, 2, "UNSTORABLE"), fact(name, 3), fact(name, 1))
    await killed(Told(dsn, topic.bootstrap, topic.topic, taking.name), "take_in", point)
    async with consuming(unit, topic.bootstrap, taking), asyncio.timeout(30):
        while await waiting(unit) != [(2, "error"), (3, None)]:  # noqa: ASYNC110 - a database does not call back
            await asyncio.sleep(0.1)
    assert await noted(unit) == {name: 1}
