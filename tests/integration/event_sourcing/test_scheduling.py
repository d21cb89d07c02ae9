"""Due work is done once, at its time, under a lease; whoever lost the lease writes nothing (P7, P8)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.event_sourcing import scheduling
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import GiveUp, TryLater
from shared.event_sourcing.scheduling import Deadlines, Due, Effects, claim, complete
from shared.event_sourcing.unit_of_work import Work
from tests.support.ledger import Do, Happened, History, Ledger, count, do, history, work

NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


def ring(due: Due) -> Work[Do]:
    """A deadline fires as a command that notes its legal instant."""
    return Work(due.stream_id, lambda given: Do((Happened(f"rang at {given.at.isoformat()}"),)))


async def schedule(unit: Ledger, stream_id: str, at: datetime = PAST, name: str = "alarm") -> None:
    await do(unit, stream_id, Happened("scheduled", due=(name, at)))


async def fire(unit: Ledger) -> None:
    """Everything that is due now."""
    deadlines = Deadlines(unit, "ring", ring)
    while await deadlines.round():
        pass


async def perform(
    unit: Ledger, act: Callable[[Due, History], Awaitable[Work[Do]]], *, attempts_max: int = 3
) -> None:
    """One round of effects, to its end."""
    effects = Effects(unit, "ring", act, gave_up, attempts_max=attempts_max)
    await effects.round()
    await asyncio.gather(*effects._running)  # noqa: SLF001 - to its end


def gave_up(due: Due, reason: str) -> Work[Do]:
    return work(due.stream_id, Happened(f"gave up: {reason}"))


async def whats(unit: Ledger, stream_id: str) -> list[str]:
    """What happened in the stream, but for the scheduling itself."""
    rows = await history(unit.pool, stream_id)
    found = [unit.codec.decode(row["type"], row["body"]).what for row in rows]
    return [what for what in found if what != "scheduled"]


async def test_a_deadline_fires_once_with_the_due_instant_however_late_it_is_noticed(
    unit: Ledger,
) -> None:
    await schedule(unit, "s")
    await fire(unit)
    await fire(unit)
    assert await whats(unit, "s") == [f"rang at {PAST.isoformat()}"]
    assert await count(unit.pool, "scheduled") == 0


async def test_nothing_fires_before_its_time(unit: Ledger) -> None:
    await schedule(unit, "s", FUTURE)
    await fire(unit)
    assert await whats(unit, "s") == []


async def test_what_was_cancelled_does_not_fire(unit: Ledger) -> None:
    await schedule(unit, "s")
    await do(unit, "s", Happened("stopped", cancel="alarm"))
    await fire(unit)
    assert await whats(unit, "s") == ["stopped"]


async def test_a_deadline_set_again_fires_at_its_new_time_alone(unit: Ledger) -> None:
    await schedule(unit, "s")
    await schedule(unit, "s", FUTURE)
    await fire(unit)
    assert await whats(unit, "s") == []
    assert await unit.pool.fetchval("select due_at from scheduled") == FUTURE


async def test_a_thousand_deadlines_at_one_instant_fire_once_each_with_three_workers(
    unit: Ledger,
) -> None:
    for start in range(0, 1000, 50):
        await asyncio.gather(*(schedule(unit, f"s{each}") for each in range(start, start + 50)))
    await asyncio.gather(*(fire(unit) for _ in range(3)))
    rang = await unit.pool.fetch("select stream_id, count(*) from events group by stream_id")
    assert {row["count"] for row in rang} == {2}
    assert len(rang) == 1000
    assert await count(unit.pool, "scheduled") == 0


async def test_two_workers_never_hold_the_same_entry(unit: Ledger) -> None:
    await schedule(unit, "s")
    first, second = await asyncio.gather(*(claim(unit.pool, "ring", 10, 30) for _ in range(2)))
    assert sorted([len(first), len(second)]) == [0, 1]


async def test_an_entry_whose_worker_died_comes_again_after_its_lease(unit: Ledger) -> None:
    await schedule(unit, "s")
    assert len(await claim(unit.pool, "ring", 10, 0.1)) == 1
    await asyncio.sleep(0.15)
    await fire(unit)
    assert len(await whats(unit, "s")) == 1


async def test_a_worker_that_lost_its_lease_cannot_write(unit: Ledger) -> None:
    await schedule(unit, "s")
    (slow,) = await claim(unit.pool, "ring", 10, 0.1)
    await asyncio.sleep(0.15)
    (quick,) = await claim(unit.pool, "ring", 10, 30)
    assert await complete(unit, [(slow, ring(slow))], at_due_instant=True) == 0
    assert await whats(unit, "s") == []
    assert await complete(unit, [(quick, ring(quick))], at_due_instant=True) == 1


async def test_setting_an_entry_again_voids_the_lease_of_who_is_at_work_on_it(unit: Ledger) -> None:
    await schedule(unit, "s")
    (holder,) = await claim(unit.pool, "ring", 10, 30)
    await schedule(unit, "s")
    assert await complete(unit, [(holder, ring(holder))], at_due_instant=True) == 0
    await fire(unit)
    assert len(await whats(unit, "s")) == 1


async def test_the_work_of_one_stream_is_done_in_the_order_it_is_due(unit: Ledger) -> None:
    for hours, name in ((1, "b"), (3, "a"), (2, "c")):
        await schedule(unit, "s", NOW - timedelta(hours=hours), name)
    order = []
    while claimed := await claim(unit.pool, "ring", 10, 30):
        (due,) = claimed
        assert await claim(unit.pool, "ring", 10, 30) == [], "one at a time"
        order.append(due.name)
        await complete(unit, [(due, ring(due))], at_due_instant=True)
    assert order == ["a", "c", "b"]


async def test_a_refused_deadline_is_pointless_and_goes(unit: Ledger) -> None:
    await schedule(unit, "s")
    refused = Deadlines(unit, "ring", lambda due: Work(due.stream_id, lambda _: Do((), refuse="x")))
    await refused.round()
    assert await count(unit.pool, "scheduled") == 0
    assert await whats(unit, "s") == []


async def test_one_deadline_that_cannot_be_decided_does_not_hold_up_the_others(
    unit: Ledger,
) -> None:
    await schedule(unit, "bad", PAST - timedelta(hours=1))
    await schedule(unit, "good")

    def to_work(due: Due) -> Work[Do]:
        if due.stream_id == "bad":
            message = "a fault of the program"
            raise ArithmeticError(message)
        return ring(due)

    await Deadlines(unit, "ring", to_work).round()
    assert len(await whats(unit, "good")) == 1
    left = await unit.pool.fetchrow("select stream_id, attempts, due_at from scheduled")
    assert tuple(left or ()) == ("bad", 1, PAST - timedelta(hours=1)), "its instant stays"
    assert await claim(unit.pool, "ring", 10, 30) == [], "it is tried again later"
    await asyncio.sleep(1.1)
    await fire(unit)
    assert len(await whats(unit, "bad")) == 1


# ----------------------------------------------------------------------------------------------- effects


async def test_an_effect_is_done_and_what_came_of_it_is_written(unit: Ledger) -> None:
    async def act(due: Due, state: History) -> Work[Do]:
        assert state == ("scheduled",)
        return work(due.stream_id, Happened("mailed"))

    await schedule(unit, "s")
    await perform(unit, act)
    assert await whats(unit, "s") == ["mailed"]
    assert await count(unit.pool, "scheduled") == 0


@pytest.mark.parametrize("failure", [TryLater("busy", 5.0), TimeoutError(), ConnectionError("cut")])
async def test_a_failed_effect_waits_and_is_tried_again_until_it_is_given_up(
    unit: Ledger, failure: Exception
) -> None:
    async def act(_: Due, __: History) -> Work[Do]:
        raise failure

    await schedule(unit, "s")
    await perform(unit, act)
    row = await unit.pool.fetchrow("select attempts, due_at > now() as later from scheduled")
    assert tuple(row or ()) == (1, True)
    for _ in range(2):
        await unit.pool.execute("update scheduled set due_at = $1", PAST)
        await perform(unit, act)
    reason = {"TryLater": "busy", "TimeoutError": "timed_out"}.get(type(failure).__name__, "error")
    assert await whats(unit, "s") == [f"gave up: {reason}"]


async def test_what_no_second_try_can_mend_is_given_up_at_once(unit: Ledger) -> None:
    async def act(_: Due, __: History) -> Work[Do]:
        raise GiveUp("mailbox_unknown")

    await schedule(unit, "s")
    await perform(unit, act)
    assert await whats(unit, "s") == ["gave up: mailbox_unknown"]


async def test_an_effect_that_hangs_is_ended_before_its_lease(
    unit: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scheduling.EFFECT_SECONDS_MAX < scheduling.EFFECT_LEASE_SECONDS
    monkeypatch.setattr(scheduling, "EFFECT_SECONDS_MAX", 0.05)

    async def act(_: Due, __: History) -> Work[Do]:
        await asyncio.sleep(60)
        raise AssertionError

    await schedule(unit, "s")
    await perform(unit, act, attempts_max=1)
    assert await whats(unit, "s") == ["gave up: timed_out"]


async def test_an_effect_that_cannot_be_recorded_is_not_repeated_every_minute(unit: Ledger) -> None:
    done = 0

    async def act(due: Due, _: History) -> Work[Do]:
        nonlocal done
        done += 1

        def broken(_: Given) -> Do:
            raise ArithmeticError

        return Work(due.stream_id, broken)

    await schedule(unit, "s")
    for _ in range(3):
        await perform(unit, act)
    row = await unit.pool.fetchrow(
        "select attempts, due_at > datacloud_now() + interval '50 minutes' as much_later from scheduled"
    )
    assert (done, *(row or ())) == (1, 1, True)


async def test_an_effect_at_work_when_the_service_stops_may_finish(unit: Ledger) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def act(due: Due, _: History) -> Work[Do]:
        begun.set()
        await go_on.wait()
        return work(due.stream_id, Happened("mailed"))

    await schedule(unit, "s")
    running = asyncio.create_task(Effects(unit, "ring", act, gave_up).run())
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(running, return_exceptions=True)
    assert await whats(unit, "s") == ["mailed"]


async def test_an_effect_cancelled_meanwhile_has_its_result_dropped(unit: Ledger) -> None:
    async def act(due: Due, _: History) -> Work[Do]:
        await do(unit, due.stream_id, Happened("stopped", cancel="alarm"))
        return work(due.stream_id, Happened("mailed"))

    await schedule(unit, "s")
    await perform(unit, act)
    assert await whats(unit, "s") == ["stopped"]


async def test_the_running_scheduler_does_new_work_at_once_and_stops_when_asked(
    unit: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "POLL_SECONDS", 60)  # whatever happens, it was woken
    running = asyncio.create_task(Deadlines(unit, "ring", ring).run())
    for number in range(3):
        await schedule(unit, f"s{number}")
        async with asyncio.timeout(20):
            while not await whats(unit, f"s{number}"):  # noqa: ASYNC110 - a database does not call back
                await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
