"""When a consumer goes on by itself, and when only a fresh process helps (P12)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from shared.messaging import consumer as consumer_module
from shared.messaging.consumer import Consumer, Stalled, TopicsWrong
from shared.messaging.placing import StartWhereStored
from shared.messaging.reading import RecordReader
from tests.support.bus import Bus, fact, until
from tests.support.ledger import Ledger


def stream() -> str:
    return str(uuid4())


async def for_ever(*_: object) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def at_work(consumer: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    """It runs until the block ends, if it does not end before."""
    running = asyncio.create_task(consumer.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_consumer_that_reads_nothing_though_there_is_something_ends_its_process(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(consumer_module, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(RecordReader, "go_on", lambda _: None)  # as one that never rejoins
    taking = topic.subscription(unit)
    consumer = Consumer(unit.pool, topic.bootstrap, "ledger", [taking])
    running = asyncio.create_task(consumer.run())
    await until(lambda: consumer.state == "consuming")
    await asyncio.sleep(1)
    assert not running.done(), "nothing to read is no reason"
    await topic.send(fact(stream(), 1))
    with pytest.raises(Stalled):
        await asyncio.wait_for(running, 20)


async def test_a_start_that_kafka_stops_answering_is_given_up_and_begun_again(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "START_SECONDS_MAX", 2.0)
    taking = topic.subscription(unit)
    consumer = Consumer(unit.pool, topic.bootstrap, "ledger", [taking])
    with monkeypatch.context() as unanswered:
        unanswered.setattr(RecordReader, "_wait_topics", for_ever)
        async with at_work(consumer) as running:
            await until(lambda: consumer.state == "kafka_away")
            unanswered.undo()
            await until(lambda: consumer.state == "consuming")
            assert not running.done()


async def test_a_consumer_whose_listener_waits_for_ever_is_left_behind_with_its_process(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a coordinator which a closing consumer looks for no more."""
    monkeypatch.setattr(consumer_module, "STOP_SECONDS_MAX", 1.0)
    monkeypatch.setattr(consumer_module, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(consumer_module, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(StartWhereStored, "_place", for_ever)
    await topic.send(fact(stream(), 1))
    async with at_work(
        Consumer(unit.pool, topic.bootstrap, "ledger", [topic.subscription(unit)])
    ) as running:
        with pytest.raises(Stalled, match="does not stop"):
            await asyncio.wait_for(asyncio.shield(running), 20)


async def test_a_service_whose_topics_are_missing_or_differ_does_not_start(
    unit: Ledger, topic: Bus
) -> None:
    consumer = Consumer(unit.pool, topic.bootstrap, "ledger", [], ["datacloud.requests.v1"])
    with pytest.raises(TopicsWrong, match=r"datacloud\.requests\.v1: missing"):
        await consumer.run()


async def test_a_service_that_hears_nobody_runs_and_says_so(unit: Ledger, topic: Bus) -> None:
    consumer = Consumer(unit.pool, topic.bootstrap, "ledger", [], [])
    running = asyncio.create_task(consumer.run())
    await until(lambda: consumer.state == "consuming", 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
