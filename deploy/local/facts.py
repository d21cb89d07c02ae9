"""Each fact live, as any stranger who reads the topics sees it."""

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.messaging.trace import FACT_TOPICS, Line, line


class Reader:
    """A plain consumer without a group, from where the topics end when it starts."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)

    async def start(self) -> None:
        """From here on nothing is missed."""
        consumer = self._consumer
        await consumer.start()
        places = [
            TopicPartition(topic, partition)
            for topic in FACT_TOPICS
            for partition in await _partitions(consumer, topic)
        ]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

    async def run(self, seen: Callable[[Line], None]) -> None:
        """Until cancelled; a broker that is restarted is waited for."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    seen(line(record))

    async def stop(self) -> None:
        """Also after a start that failed."""
        await self._consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    while True:
        found: set[int] | None = consumer.partitions_for_topic(topic)
        if found:
            return found
        await consumer._client.force_metadata_update()  # noqa: SLF001 - aiokafka offers no other way without a subscription
        await asyncio.sleep(0.05)
