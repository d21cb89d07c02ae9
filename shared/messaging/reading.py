"""A consumer that no record can stop: aiokafka decodes header names as UTF-8 and raises when one is not.

Promise P5 (nothing vanishes): the error costs every record fetched together with the bad one, and comes again at each
poll. So what was not handed over is fetched again, one record at a time, and the bad one becomes an `Unreadable`.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IllegalStateError, KafkaError

RECORDS_MAX = 500
FETCH_MS = 1_000


class Unreadable(ConsumerRecord):  # type: ignore[misc]  # aiokafka is untyped
    """Stands at the place of a record that cannot be read; its bytes stay in the topic."""


class RecordReader(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Hands over every offset, readable or not, and none twice; nothing but between `go_on()` and `hold()`."""

    def __init__(self, *topics: str, **options: object) -> None:
        super().__init__(*topics, **options)
        self._next: dict[TopicPartition, int] = {}
        self._going = asyncio.Event()

    @property
    def client(self) -> AIOKafkaClient:
        """For what the consumer itself does not ask the brokers."""
        return self._client

    def hold(self) -> None:
        """The partitions change hands: where to begin is not known yet."""
        self._going.clear()
        self._next = {}

    def go_on(self) -> None:
        """Every assigned partition stands where it is to be read from."""
        self._going.set()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """As aiokafka's, but for the records it cannot decode."""
        if not self._going.is_set():
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        try:
            await self._note_positions()
            found = await super().getmany(
                *partitions, timeout_ms=timeout_ms, max_records=max_records
            )
        except UnicodeDecodeError:
            found = await self._one_at_a_time(max_records or RECORDS_MAX)
        except IllegalStateError:  # a partition went to another consumer meanwhile
            return {}
        except KafkaError:  # of one partition; what was fetched of the others is lost with it
            self._again()
            raise
        if not self._going.is_set():  # it would be read by whoever has the partition now
            return {}
        for partition, records in found.items():
            self._next[partition] = records[-1].offset + 1
        return found  # type: ignore[no-any-return]  # aiokafka is untyped

    async def _note_positions(self) -> None:
        """Where each partition begins that came with the last assignment."""
        assigned = self.assignment()
        if assigned != self._next.keys():
            known = self._next
            self._next = {
                each: known[each] if each in known else await self.position(each)
                for each in assigned
            }

    def _again(self) -> None:
        for partition, following in self._next.items():
            if partition in self.assignment():
                self.seek(partition, following)

    async def _one_at_a_time(self, most: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        self._again()
        ends = await self.end_offsets(list(self._next))
        found = {each: await self._read(each, ends[each], most) for each in list(self._next)}
        return {each: records for each, records in found.items() if records}

    async def _read(self, partition: TopicPartition, end: int, most: int) -> list[ConsumerRecord]:
        records: list[ConsumerRecord] = []
        following = self._next[partition]
        while following < end and len(records) < most:
            try:
                got = await super().getmany(partition, timeout_ms=FETCH_MS, max_records=1)
            except UnicodeDecodeError:
                records.append(_unreadable(partition, following))
                self.seek(partition, following + 1)
            else:
                if not got:
                    break
                records += got[partition]
            following = records[-1].offset + 1
        return records


def _unreadable(partition: TopicPartition, offset: int) -> Unreadable:
    return Unreadable(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=(),
    )
