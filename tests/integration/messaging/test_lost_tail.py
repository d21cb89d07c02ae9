"""A broker comes back without the last things it acknowledged: said again, all have it once (P2, P3, P12)."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from structlog.testing import capture_logs

from deploy.local.kafka import EmbeddedKafka
from shared.contracts.facts.intake import RequestSubmitted
from shared.contracts.registry import ce_type_of
from shared.messaging.blocked import Received, read
from shared.messaging.marks import forget_lost_tails
from shared.messaging.republishing import Owned, republish
from tests.integration.messaging.test_saying_again import emptied, relaying, speaking
from tests.support import topics
from tests.support.bus import Bus, Taken, consuming, counted, fact, until
from tests.support.ledger import Happened, Ledger, count, do

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

STREAMS = tuple(str(uuid4()) for _ in range(12))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """One whose data may be put back."""
    server = EmbeddedKafka(tmp_path / "kafka")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def topic(broker: EmbeddedKafka) -> Bus:
    name = f"test.{uuid4().hex}"
    await topics.make(broker.bootstrap, name)
    return Bus(broker.bootstrap, name, cast("AIOKafkaProducer", None))


async def say(service: Ledger, dsn: str, topic: Bus, each: int, streams: tuple[str, ...]) -> None:
    """So many facts of each stream."""
    async with relaying(service, dsn, topic.bootstrap):
        for name in streams:
            await do(service, name, *[Happened(name, tell=True)] * each)
        await emptied(service)


async def taken_in(unit: Ledger, topic: Bus, taking: Taken, facts: int) -> None:
    """Each of them once, whatever came between."""
    async with consuming(unit, topic.bootstrap, taking):
        await until(lambda: once(taking) >= facts, 60)
        await asyncio.sleep(0.5)
    assert once(taking) == facts


def once(taking: Taken) -> int:
    outcomes = counted(taking.name)
    return outcomes.get("applied", 0) + outcomes.get("drained", 0)


async def reset_to_the_beginning(topic: Bus, group: str) -> None:
    """As `kafka-consumer-groups.sh --reset-offsets --to-earliest` does, while nobody reads."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    places = [TopicPartition(topic.topic, partition) for partition in range(3)]
    consumer.assign(places)
    await consumer.commit(dict.fromkeys(places, 0))
    await consumer.stop()


def put_back(broker: EmbeddedKafka, yesterday: Path, directory: Path) -> None:
    broker.stop()
    shutil.rmtree(directory)
    shutil.copytree(yesterday, directory)
    broker.start()


@pytest.mark.parametrize("grown", [False, True], ids=["shorter than read", "grown past it"])
async def test_what_a_broker_lost_is_said_again_and_each_reader_has_all_of_it_once(  # noqa: PLR0917 - what a test is given
    unit: Ledger, dsn: str, owner_dsn: str, broker: EmbeddedKafka, topic: Bus, tmp_path: Path, *, grown: bool
) -> None:  # fmt: skip
    service, ahead, behind = (
        speaking(unit, topic),
        topic.subscription(unit),
        topic.subscription(unit),
    )
    await say(service, dsn, topic, 2, STREAMS)
    for taking in (ahead, behind):
        await taken_in(unit, topic, taking, 24)
    broker.stop()
    shutil.copytree(tmp_path / "kafka", tmp_path / "yesterday")
    broker.start()
    await say(service, dsn, topic, 2, STREAMS)
    await taken_in(unit, topic, ahead, 48)
    put_back(broker, tmp_path / "yesterday", tmp_path / "kafka")
    each = 6 if grown else 1
    with capture_logs() as logs:
        await say(service, dsn, topic, each, STREAMS)
        lost = {line["partition"] for line in logs if line["event"] == "broker_lost_what_was_said"}
        assert lost == {0, 1, 2}
    if not grown:
        with capture_logs() as logs:
            await taken_in(unit, topic, ahead, 60)
        assert "log_lost_its_tail" in {line["event"] for line in logs}
    await republish(owner_dsn, Owned({ce_type_of(RequestSubmitted): topic.topic}))
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
    for taking in (ahead, behind):
        if grown:
            await reset_to_the_beginning(topic, taking.name)
        await taken_in(unit, topic, taking, (4 + each) * len(STREAMS))
    assert await count(unit.pool, "blocked") == 0


async def test_what_waits_from_a_lost_tail_does_not_hide_what_stands_at_its_place_now(
    unit: Ledger,
) -> None:
    taking = Bus("", "t", cast("AIOKafkaProducer", None)).subscription(unit)

    def bad(place: int) -> Received:
        said = replace(fact(str(uuid4()), 1), value=b"{")
        return Received(("t", 0, place), said.key, said.value, said.headers)

    async def come(*records: Received) -> None:
        for record in records:
            read(record).unreadable = True
        await taking.handle(records)

    await come(bad(3), bad(7))
    async with unit.pool.acquire() as connection:
        assert await forget_lost_tails(connection, taking.name, {("t", 0): 8}) == set()
        assert await forget_lost_tails(connection, taking.name, {("t", 0): 5}) == {("t", 0)}
    await come(bad(7))
    rows = await unit.pool.fetch('select "offset", value from blocked order by id')
    assert [row["offset"] >= 0 for row in rows] == [True, False, True]
    assert {row["value"] for row in rows} == {b"{"}
    assert await count(unit.pool, "offsets") == 1
