"""A stranger who reads every topic of facts from its beginning, as a plain consumer without a group.

What it sees, in the order it sees it, has to be what lies on the topics: nothing skipped, nothing overtaken.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.topics import PARTITIONS
from shared.messaging.trace import FACT_TOPICS
from tests.chaos.checker import Violation
from tests.chaos.world import Place, TopicRecord


@dataclass(slots=True)
class Stranger:
    """Reads on whatever happens to the broker; after a failure from the place where it stopped."""

    bootstrap: str
    seen: list[Place] = field(default_factory=list)
    _next: dict[TopicPartition, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._read()
            except (KafkaError, OSError):
                await asyncio.sleep(1)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        try:
            await consumer.start()
            places = [
                TopicPartition(topic, partition)
                for topic in FACT_TOPICS
                for partition in range(PARTITIONS)
            ]
            consumer.assign(places)
            for place in places:
                consumer.seek(place, self._next.get(place, 0))
            while True:
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    self.seen += [(place.topic, place.partition, each.offset) for each in records]
                    self._next[place] = records[-1].offset + 1
        finally:
            await consumer.stop()

    def check(self, records: Sequence[TopicRecord]) -> Iterator[Violation]:
        """Compare with what lies on the topics now."""
        lie, saw = defaultdict[str, list[Place]](list), defaultdict[str, list[Place]](list)
        for record in sorted(records, key=lambda each: each.place):
            lie[f"{record.place[0]} {record.place[1]}"].append(record.place)
        for place in self.seen:
            saw[f"{place[0]} {place[1]}"].append(place)
        for where, places in saw.items():
            if places != lie[where][: len(places)]:
                yield Violation("P2", "a stranger saw something else than lies there", where)
        for where, places in lie.items():
            if where.split()[0] in FACT_TOPICS and len(saw[where]) < len(places):
                what = f"a stranger saw {len(saw[where])} of {len(places)} records"
                yield Violation("P12", what, where)
