"""Emptying an outbox, against a bare `send()` loop of the same records in the same chunks of 500."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from shared.event_sourcing.append import save
from shared.event_sourcing.store import Changes, Published, Stream
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.broker import make_producer
from shared.messaging.relay import Relay
from tests.benchmarks.measure import Row, in_turns, rate_of, ratio
from tests.support.bus import Bus, Record, fact
from tests.support.ledger import DEFINITION, Do, Happened, History, Ledger, context
from tests.support.requests import MONDAY

FACTS, STREAMS, CHUNK, ROUNDS = 30_000, 3_000, 500, 5


async def rows(unit: Ledger, dsn: str, bus: Bus, floor: Bus) -> list[Row]:
    """One row of the table; the floor has a topic of its own."""
    sample = fact(str(uuid4()), 1)
    value = sample.value or b""

    def publish(_: Happened, __: History) -> Published:
        return Published(bus.topic, "datacloud.request_submitted.v1", value)

    service: Ledger = UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))
    records = [replace(sample, key=f"s{number % STREAMS}".encode()) for number in range(FACTS)]
    bare, relayed = await in_turns(
        ROUNDS, lambda: _bare(floor, records), lambda: _relay(service, dsn, bus)
    )
    remark = f"{relayed[-1]:,.0f}/s, bare {bare[-1]:,.0f}/s"
    return [
        Row("relay, acks=all, order per key", ratio(relayed, bare), "of bare", 0.7, remark=remark)
    ]


async def _bare(bus: Bus, records: list[Record]) -> float:
    producer = make_producer(bus.bootstrap, "bare")
    await producer.start()
    try:
        return await rate_of(FACTS, lambda: _send(producer, bus.topic, records))
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: str, records: list[Record]) -> None:
    for start in range(0, FACTS, CHUNK):
        sent = [
            await producer.send(topic, each.value, key=each.key, headers=list(each.headers))
            for each in records[start : start + CHUNK]
        ]
        await asyncio.gather(*sent)


async def _relay(service: Ledger, dsn: str, bus: Bus) -> float:
    run = uuid4().hex[:6]
    streams: dict[str, Stream[History]] = {}
    changes = Changes()
    for number in range(FACTS):
        name = f"{run}.{number % STREAMS}"
        stream = streams.get(name) or Stream(name, ())
        advance = service.advance(stream, Do((Happened("x"),)), context(), MONDAY)
        streams[name] = advance.stream
        changes.merge(advance.changes)
    async with service.pool.acquire() as connection:
        await save(connection, changes)
        await connection.execute("analyze events, outbox")
    before = await _said(service, bus)
    relay = Relay(dsn, bus.bootstrap, "ledger", service.wakeups)
    running = asyncio.create_task(relay.run())
    try:
        while (first := await _said(service, bus)) == before:  # noqa: ASYNC110 - it has to connect first
            await asyncio.sleep(0.001)
        return await rate_of(
            before + FACTS - first, lambda: _all_said(service, bus, before + FACTS)
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _said(service: Ledger, bus: Bus) -> int:
    """How many records the relay knows to be on the topic: a small table, cheap to ask."""
    asked = "select coalesce(sum(next), 0) from offsets where subscription = 'relay' and topic = $1"
    return int(await service.pool.fetchval(asked, bus.topic))


async def _all_said(service: Ledger, bus: Bus, number: int) -> None:
    while await _said(service, bus) < number:  # noqa: ASYNC110 - a database does not call back
        await asyncio.sleep(0.005)
