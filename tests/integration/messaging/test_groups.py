"""Who reads, and from where: replicas come and go, Kafka forgets a group, a new name starts at the start (P3, P12)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaTimeoutError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from shared.messaging.reading import RecordReader
from tests.support.bus import Bus, consuming, counted, fact, received, until
from tests.support.ledger import Ledger, count

STORM_ROUNDS, STORM_PAUSE_SECONDS = 20, 0.5
STANDBY_SECONDS, TAKE_OVER_SECONDS_MAX = 30.0, 60.0


def names(how_many: int) -> list[str]:
    return [str(uuid4()) for _ in range(how_many)]


async def noted(unit: Ledger) -> dict[str, int]:
    """How often each stream was acted on."""
    rows = await unit.pool.fetch("select stream_id, count(*) from events group by stream_id")
    return {row["stream_id"]: row["count"] for row in rows}


@pytest.mark.timeout(120)
async def test_while_others_come_and_go_each_fact_is_taken_in_once_and_in_order(
    unit: Ledger, topic: Bus
) -> None:
    """Of a record that came before its predecessor one would be held; a second application would be counted."""
    streams, taking = names(30), topic.subscription(unit)

    async def say() -> None:
        for number in range(1, STORM_ROUNDS + 1):
            await topic.send(*(fact(each, number) for each in streams))
            await asyncio.sleep(STORM_PAUSE_SECONDS)

    async with consuming(unit, topic.bootstrap, taking):
        saying, guests = asyncio.create_task(say()), 0
        while not saying.done():
            guest = topic.subscription(unit, taking.name)
            async with consuming(unit, topic.bootstrap, guest):
                await asyncio.sleep(1)
                guests += 1
        await saying
        await until(lambda: counted(taking.name).get("applied", 0) >= 30 * STORM_ROUNDS, 60)
    assert guests >= 2
    assert await noted(unit) == dict.fromkeys(streams, STORM_ROUNDS)
    assert await count(unit.pool, "blocked") == 0


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_standby_that_had_nothing_to_read_takes_over_from_the_only_reader(
    unit: Ledger, topic: Bus
) -> None:
    """Longer than a group waits for a silent member."""
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.bootstrap)
    await admin.start()
    narrow = replace(topic, topic=f"{topic.topic}.narrow")
    await admin.create_topics([NewTopic(narrow.topic, 1, 1)])
    streams, first = names(10), narrow.subscription(unit)
    standby = narrow.subscription(unit, first.name)
    async with consuming(unit, topic.bootstrap, first) as reading:
        await narrow.send(*(fact(each, 1) for each in streams))
        await received(first.name, 10)
        async with consuming(unit, topic.bootstrap, standby):
            await asyncio.sleep(STANDBY_SECONDS)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await narrow.send(*(fact(each, 2) for each in streams))
            await until(lambda: counted(first.name).get("applied") == 20, TAKE_OVER_SECONDS_MAX)
    await admin.delete_topics([narrow.topic])
    await admin.close()
    assert await noted(unit) == dict.fromkeys(streams, 2)


async def forget(bootstrap: str, groups: Sequence[str]) -> None:
    """As Kafka does by itself when a group's offsets have expired; it keeps one that still has members."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for group in groups:
            coordinator = await admin.find_coordinator(group)
            async with asyncio.timeout(20):
                while True:
                    request = DeleteGroupsRequest([group])
                    [(_, code)] = (await admin._send_request(request, coordinator)).results  # noqa: SLF001 - it has no method for it
                    if not code:
                        return
                    assert for_code(code).retriable or code == 68, for_code(code)
                    await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def test_a_group_that_kafka_forgot_goes_on_where_the_database_says(
    unit: Ledger, topic: Bus
) -> None:
    streams, taking = names(10), topic.subscription(unit)
    await topic.send(*(fact(each, 1) for each in streams))
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 10)
    await forget(topic.bootstrap, [taking.name])
    await topic.send(*(fact(each, 2) for each in streams))
    async with consuming(unit, topic.bootstrap, topic.subscription(unit, taking.name)):
        assert await received(taking.name, 20) == {"applied": 20}
    assert await noted(unit) == dict.fromkeys(streams, 2)


async def committed(bootstrap: str, group: str) -> int:
    """How many records the group has behind it, as any tool shows it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return sum(
            each.offset for each in (await admin.list_consumer_group_offsets(group)).values()
        )
    finally:
        await admin.close()


async def test_a_group_that_kafka_forgot_shows_no_lag_though_nothing_new_comes(
    unit: Ledger, topic: Bus
) -> None:
    taking = topic.subscription(unit)
    await topic.send(*(fact(each, 1) for each in names(10)))
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 10)
    await forget(topic.bootstrap, [taking.name])
    assert await committed(topic.bootstrap, taking.name) == 0
    async with consuming(unit, topic.bootstrap, topic.subscription(unit, taking.name)):
        async with asyncio.timeout(20):
            while await committed(topic.bootstrap, taking.name) < 10:  # noqa: ASYNC110 - a broker does not call back
                await asyncio.sleep(0.1)
    assert counted(taking.name) == {"received": 10, "applied": 10}, "nothing is read again"


async def test_commits_that_failed_are_made_up_for_though_nothing_new_comes(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that is away just then, and then comes back."""
    taking, failing, commit = topic.subscription(unit), [True], RecordReader.commit

    async def sometimes(reader: RecordReader, following: object = None) -> None:
        if failing:
            raise KafkaTimeoutError
        await commit(reader, following)

    monkeypatch.setattr(RecordReader, "commit", sometimes)
    await topic.send(*(fact(each, 1) for each in names(10)))
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 10)
        assert await committed(topic.bootstrap, taking.name) == 0
        failing.clear()
        async with asyncio.timeout(20):
            while await committed(topic.bootstrap, taking.name) < 10:  # noqa: ASYNC110 - a broker does not call back
                await asyncio.sleep(0.1)
    assert counted(taking.name) == {"received": 10, "applied": 10}


async def test_a_subscription_of_a_new_name_hears_everything_from_the_start(
    unit: Ledger, topic: Bus
) -> None:
    streams, old = names(10), topic.subscription(unit)
    await topic.send(*(fact(each, number) for number in (1, 2) for each in streams))
    async with consuming(unit, topic.bootstrap, old):
        await received(old.name, 20)
    new = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, new):
        assert await received(new.name, 20) == {"applied": 20}
