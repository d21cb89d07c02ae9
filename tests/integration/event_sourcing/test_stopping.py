"""A scheduler that is asked to stop, stops, and leaves nothing leased that the next one could do (P8, P12)."""

import asyncio

import pytest

from shared.event_sourcing import scheduling
from shared.event_sourcing.scheduling import Deadlines, Due, Effects, claim
from shared.event_sourcing.unit_of_work import Work
from tests.integration.event_sourcing.test_scheduling import gave_up, schedule, whats
from tests.support.ledger import Do, Happened, History, Ledger, work

STOP_SECONDS_MAX = 2.0
LEASED = "select count(*) from scheduled where lease_token is not null or lease_until is not null"


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


async def test_an_effect_of_eight_seconds_is_given_back_at_a_stop_and_done_once_by_the_next_process(
    unit: Ledger,
) -> None:
    begun, mailbox = asyncio.Event(), list[str]()

    async def act(due: Due, _: History) -> Work[Do]:
        """Looks before it acts."""
        begun.set()
        if not mailbox:
            await asyncio.sleep(8)
            mailbox.append(due.stream_id)
        return work(due.stream_id, Happened("mailed"))

    await schedule(unit, "s")
    stopping = asyncio.create_task(Effects(unit, "ring", act, gave_up).run())
    await begun.wait()
    stopping.cancel()
    _, late = await asyncio.wait({stopping}, timeout=scheduling.STOP_SECONDS_MAX + 2)
    assert not late
    assert await unit.pool.fetchval(LEASED) == 0
    assert await unit.pool.fetchval("select attempts from scheduled") == 0, "it did not fail"
    following = asyncio.create_task(Effects(unit, "ring", act, gave_up).run())
    async with asyncio.timeout(12):
        while not await whats(unit, "s"):  # noqa: ASYNC110 - a database does not call back
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert (mailbox, await whats(unit, "s")) == (["s"], ["mailed"])


@pytest.mark.parametrize("steps", range(0, 60, 6))
async def test_whoever_is_stopped_while_it_claims_leaves_nothing_leased(
    unit: Ledger, steps: int
) -> None:
    async def act(_: Due, __: History) -> Work[Do]:
        await asyncio.sleep(8)
        raise AssertionError

    for number in range(3):
        await schedule(unit, f"s{number}")
    effects = Effects(unit, "ring", act, gave_up)
    running = asyncio.create_task(effects.round())
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for task in effects._running:  # noqa: SLF001 - as `run` does when it ends
        await asyncio.sleep(0.2)
        task.cancel()
    await asyncio.gather(*effects._running, return_exceptions=True)  # noqa: SLF001 - likewise
    assert await unit.pool.fetchval(LEASED) == 0


async def test_a_lease_that_another_has_meanwhile_is_not_given_back(
    unit: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def act(_: Due, __: History) -> Work[Do]:
        begun.set()
        await asyncio.sleep(8)
        raise AssertionError

    monkeypatch.setattr(scheduling, "STOP_SECONDS_MAX", 0.1)
    monkeypatch.setattr(scheduling, "EFFECT_LEASE_SECONDS", 0.1)
    await schedule(unit, "s")
    stopping = asyncio.create_task(Effects(unit, "ring", act, gave_up).run())
    await begun.wait()
    await asyncio.sleep(0.2)
    assert len(await claim(unit.pool, "ring", 10, 30)) == 1
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert await unit.pool.fetchval(LEASED) == 1
