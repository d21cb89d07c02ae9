"""A topic of a test's own on the real Kafka, a raw producer that may send anything, and a service that takes it in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from prometheus_client import REGISTRY

from shared.contracts.facts.intake import RequestSubmitted
from shared.contracts.registry import Fact, ce_type_of, encode
from shared.event_sourcing.decider import To
from shared.messaging.consumer import Consumer, Takes
from shared.messaging.envelope import Header, headers
from shared.messaging.subscription import Subscription
from tests.support import requests as r
from tests.support.ledger import Do, Happened, History, Ledger

Taken = Subscription[Do, History, Happened]

SECONDS_MAX = 20.0
OUTCOMES = ("applied", "duplicate", "ignored", "unknown_type", "refused", "held", "parked")


class RawName(str):
    """A header's name that is not UTF-8 on the wire."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe"


@dataclass(frozen=True, slots=True)
class Record:
    """What a producer sends."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    partition: int | None = None

    def but(self, *changed: Header) -> "Record":
        """The same with these headers instead of those of the same name."""
        names = {name for name, _ in changed}
        kept = [header for header in self.headers if header[0] not in names]
        return replace(self, headers=[*kept, *changed])

    def without(self, name: str) -> "Record":
        return replace(self, headers=[header for header in self.headers if header[0] != name])


def fact(stream_id: str, sequence: int, agency: str = "BAPPEDA", **more: str) -> Record:
    """The n-th fact of a stream, as intake would say it; `agency` tells our service what to do about it."""
    said = r.submitted(agency_code=agency, request_id=UUID(stream_id))
    written = headers(
        event_id=UUID(more["fact_id"]) if "fact_id" in more else uuid4(),
        source="intake",
        ce_type=more.get("ce_type", ce_type_of(RequestSubmitted)),
        time=r.MONDAY,
        subject=stream_id,
        sequence=sequence,
        correlation_id=uuid4(),
        causation_id=None,
        traceparent=None,
    )
    return Record(stream_id.encode(), encode(said), written)


def react(said: Fact, _: datetime) -> Iterable[To[Do]]:
    """`BAPPEDA` is noted; `IGNORED`, `REFUSED`, `BROKEN` and `UNSTORABLE` are what their names say."""
    assert isinstance(said, RequestSubmitted)
    stream_id = str(said.request_id)
    if said.agency_code == "IGNORED":
        return []
    if said.agency_code == "REFUSED":
        return [To(stream_id, Do((), refuse="not_wanted"))]
    if said.agency_code == "BROKEN":
        message = "our own fault"
        raise ArithmeticError(message)
    due = ("no text holds a \0", r.MONDAY) if said.agency_code == "UNSTORABLE" else None
    return [To(stream_id, Do((Happened("noted", due=due),)))]


@dataclass(slots=True)
class Bus:
    """One topic."""

    bootstrap: str
    topic: str
    producer: AIOKafkaProducer

    async def send(self, *records: Record) -> None:
        """In this order, each where its key belongs unless it says where; key and names may be anything."""
        partitions = sorted(await self.producer.partitions_for(self.topic))
        for record in records:
            belongs = DefaultPartitioner()(record.key or b"", partitions, partitions)
            batch = self.producer.create_batch()
            batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1024 * 1024)  # noqa: SLF001 - the faster one takes no odd names
            said = {"key": record.key, "value": record.value, "headers": list(record.headers)}
            assert batch.append(timestamp=None, **said)
            partition = belongs if record.partition is None else record.partition
            await (await self.producer.send_batch(batch, self.topic, partition=partition))

    async def read(self, count: int) -> list[ConsumerRecord]:
        """What a plain reader sees: the first `count` records, by partition and offset."""
        reader = AIOKafkaConsumer(
            self.topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await reader.start()
        try:
            async with asyncio.timeout(SECONDS_MAX):
                found = [await reader.getone() for _ in range(count)]
        finally:
            await reader.stop()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    async def ends(self) -> int:
        """How many records there are."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await reader.start()
        try:
            places = [
                TopicPartition(self.topic, each)
                for each in await self.producer.partitions_for(self.topic)
            ]
            return sum((await reader.end_offsets(places)).values())
        finally:
            await reader.stop()

    def subscription(self, unit: Ledger, name: str | None = None) -> Taken:
        """A service's taking in of this topic, under a name of its own."""
        return Subscription(unit, name or f"ledger.{uuid4().hex[:8]}", [self.topic], react)


@asynccontextmanager
async def bus(bootstrap: str, *, config: dict[str, str] | None = None) -> AsyncIterator[Bus]:
    """A fresh topic of three partitions."""
    topic = f"test.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1, topic_configs=config or {})])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while topic not in await admin.list_topics():  # noqa: ASYNC110 - a broker does not call back
                await asyncio.sleep(0.05)
        yield Bus(bootstrap, topic, producer)
    finally:
        await producer.stop()
        await admin.delete_topics([topic])
        await admin.close()


@asynccontextmanager
async def consuming(
    unit: Ledger, bootstrap: str, *takes: Takes
) -> AsyncIterator["asyncio.Task[None]"]:
    """The consumer at work, as in a service."""
    task = asyncio.create_task(Consumer(unit.pool, bootstrap, "ledger", takes).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def counted(name: str) -> dict[str, int]:
    """What became of the records of a subscription; only what happened at all."""
    found = {
        outcome: REGISTRY.get_sample_value(
            "datacloud_records_total", {"subscription": name, "outcome": outcome}
        )
        for outcome in ("received", *OUTCOMES, "drained")
    }
    return {outcome: int(value) for outcome, value in found.items() if value}


async def until(condition: Callable[[], object], seconds: float = SECONDS_MAX) -> None:
    """Wait for something that happens elsewhere."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for does not call back
            await asyncio.sleep(0.02)


async def received(name: str, count: int) -> dict[str, int]:
    """The outcomes, once so many records came in; each record has exactly one."""
    await until(lambda: counted(name).get("received", 0) >= count)
    await asyncio.sleep(0.1)
    outcomes = counted(name)
    assert outcomes["received"] == sum(outcomes.get(each, 0) for each in OUTCOMES) == count
    return {each: number for each, number in outcomes.items() if each != "received"}
