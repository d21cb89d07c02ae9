"""Taking facts in: whole batches, against one message at a time and against a bare consume-and-insert loop."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from statistics import median
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.blocked import receive
from tests.benchmarks.measure import Row, in_turns, ratio
from tests.support.bus import Bus, consuming, counted, fact, until
from tests.support.ledger import DEFINITION, Happened, History, Ledger

FACTS, STREAMS, ALONE, ROUNDS = 20_000, 5_000, 400, 3

Fresh = Callable[[], Awaitable[object]]


async def rows(
    unit: Ledger, bus: Bus, owner_execute: Callable[[str], Awaitable[object]]
) -> list[Row]:
    """Three rows of the table."""
    await owner_execute(
        "create table taken (id bigint generated always as identity primary key, body bytea not null);"
        'grant insert on taken to "complaints"'
    )
    tables = "events, outbox, notes, marks, offsets, taken"
    fresh: Fresh = partial(owner_execute, f"truncate {tables}")
    await _produce(bus)
    service = _telling(unit)
    records = await _some(bus, ALONE)
    batches, alone, bare = await in_turns(
        ROUNDS,
        lambda: _in_batches(service, bus, fresh),
        lambda: _one_by_one(service, bus, fresh, records),
        lambda: _consume_and_insert(unit, bus),
    )
    rate, times, share = median(batches), ratio(batches, alone), ratio(batches, bare)
    one_by_one, floor = f"one by one {alone[-1]:,.0f}/s", f"bare {bare[-1]:,.0f}/s"
    return [
        Row("subscription: fact -> event + view row + outbox row", rate, "facts/s", 4_000),
        Row("the same, to one message at a time", times, "times", 15, remark=one_by_one),
        Row("the same, to a bare consume-and-insert loop", share, "of bare", 0.12, remark=floor),
    ]


def _telling(unit: Ledger) -> Ledger:
    """Every event is shown and told."""

    def publish(event: Happened, state: History) -> Published:
        return Published("datacloud.ledger.v1", "happened", f"{event.what} {len(state)}".encode())

    return UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))


async def _produce(bus: Bus) -> None:
    names = [str(UUID(int=number + 1)) for number in range(STREAMS)]
    sent = []
    for number in range(FACTS):
        each = fact(names[number % STREAMS], number // STREAMS + 1)
        sent.append(
            await bus.producer.send(bus.topic, each.value, key=each.key, headers=list(each.headers))
        )
    for future in sent:
        await future


async def _some(bus: Bus, count: int) -> list[ConsumerRecord]:
    return list(islice(await bus.read(count * 2), count))


async def _in_batches(service: Ledger, bus: Bus, fresh: Fresh) -> float:
    await fresh()
    taking = bus.subscription(service)
    async with consuming(service, bus.bootstrap, taking):
        await until(lambda: counted(taking.name).get("applied", 0), 60)
        began, before = time.perf_counter(), counted(taking.name)["applied"]
        await until(lambda: counted(taking.name)["applied"] >= FACTS, 120)
        return (FACTS - before) / (time.perf_counter() - began)


async def _one_by_one(
    service: Ledger, bus: Bus, fresh: Fresh, records: list[ConsumerRecord]
) -> float:
    """The first facts of streams, each in a transaction and with an offset commit of its own."""
    await fresh()
    taking = bus.subscription(service)
    consumer = AIOKafkaConsumer(
        bus.topic, bootstrap_servers=bus.bootstrap, group_id=taking.name, enable_auto_commit=False
    )
    await consumer.start()
    try:
        began = time.perf_counter()
        for record in records:
            await taking.handle([receive(record)])
            await consumer.commit(
                {TopicPartition(record.topic, record.partition): record.offset + 1}
            )
        return len(records) / (time.perf_counter() - began)
    finally:
        await consumer.stop()


async def _consume_and_insert(unit: Ledger, bus: Bus) -> float:
    consumer = AIOKafkaConsumer(
        bus.topic, bootstrap_servers=bus.bootstrap, group_id=f"bare.{uuid4().hex}",
        auto_offset_reset="earliest", enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    seen, began, before = 0, 0.0, 0
    try:
        while seen < FACTS:
            found = await consumer.getmany(timeout_ms=1000, max_records=500)
            values = [record.value for records in found.values() for record in records]
            if not values:
                continue
            await unit.pool.execute(
                "insert into taken (body) select * from unnest($1::bytea[])", values
            )
            await consumer.commit()
            seen += len(values)
            if not began:
                began, before = time.perf_counter(), seen
    finally:
        await consumer.stop()
    return (seen - before) / (time.perf_counter() - began)
