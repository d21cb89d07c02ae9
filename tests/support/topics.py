"""Topics that a test loses and makes again, as a broker does whose disk was lost."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def lose(bootstrap: str, topic: str) -> None:
    """Gone, with all its records."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([topic])
    async with asyncio.timeout(20):
        while topic in await admin.list_topics():  # noqa: ASYNC110 - a broker does not call back
            await asyncio.sleep(0.05)
    await admin.close()


async def make(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    async with asyncio.timeout(20):
        while topic not in await admin.list_topics():  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.05)
    await admin.close()
