"""Partitions that change hands while a read is under way: every record is given to somebody (P5)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from aiokafka import ConsumerRebalanceListener, TopicPartition

from shared.messaging.placing import StartWhereStored
from shared.messaging.reading import RecordReader
from tests.support.bus import Bus, fact, until
from tests.support.ledger import Ledger

SLOW_DATABASE_SECONDS, SLOW_BROKER_SECONDS = 0.15, 0.1


class AskingSlowly(RecordReader):
    """Its broker takes its time to say where a partition stands: a read waits for it."""

    async def position(self, partition: TopicPartition) -> int:
        await asyncio.sleep(SLOW_BROKER_SECONDS)
        return int(await super().position(partition))


class PlacingSlowly(StartWhereStored):
    """Its database takes its time."""

    placed = 0

    async def _place(self, places: Sequence[TopicPartition]) -> None:
        await asyncio.sleep(SLOW_DATABASE_SECONDS)
        await super()._place(places)
        self.placed += 1


@dataclass(slots=True)
class Reading:
    """A member of a group that never commits, so that each assignment begins at the beginning."""

    consumer: AskingSlowly
    listener: PlacingSlowly
    offsets: list[int] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            for records in (await self.consumer.getmany(timeout_ms=10)).values():
                self.offsets += [record.offset for record in records]

    async def rejoin(self) -> None:
        """Until the partitions are placed anew."""
        before = self.listener.placed
        self.consumer._coordinator.request_rejoin()  # noqa: SLF001 - as a broker makes it do
        await until(lambda: self.listener.placed > before)


@asynccontextmanager
async def reading(unit: Ledger, topic: Bus) -> AsyncIterator[Reading]:
    group = f"ledger.{uuid4().hex[:8]}"
    consumer = AskingSlowly(
        bootstrap_servers=topic.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )

    def failed(error: Exception) -> None:
        raise error

    listener = PlacingSlowly(unit.pool, group, lambda: consumer, failed)
    assert isinstance(listener, ConsumerRebalanceListener)
    consumer.subscribe([topic.topic], listener=listener)
    await consumer.start()
    found = Reading(consumer, listener)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


async def test_two_rejoins_in_a_row_keep_no_record_from_anybody(unit: Ledger, topic: Bus) -> None:
    stream_id = str(uuid4())
    await topic.send(*(fact(stream_id, number) for number in (1, 2)))
    async with reading(unit, topic) as member:
        await until(lambda: member.offsets == [0, 1])
        await member.rejoin()
        await asyncio.sleep(SLOW_BROKER_SECONDS / 2)  # the next read has begun, and waits
        member.offsets.clear()
        await member.rejoin()
        await until(lambda: member.offsets[-2:] == [0, 1])
