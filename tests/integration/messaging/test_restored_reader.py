"""A reader's database that was restored is behind what its group has read: it catches up, doing nothing twice (P12)."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from tests.support.backups import copy_of, owner_of
from tests.support.bus import Bus, consuming, counted, fact, until
from tests.support.ledger import ledger
from tests.support.servers import Databases


async def test_a_reader_restored_from_yesterday_catches_up_from_the_topics(
    databases: Databases, dsn: str, topic: Bus
) -> None:
    name, streams = f"ledger.{uuid4().hex[:8]}", [str(uuid4()) for _ in range(8)]

    async def read(database: str, until_: Callable[[], object]) -> dict[str, int]:
        async with ledger(database, owner_of(databases, database)) as reader:
            taking = topic.subscription(reader, name)
            async with consuming(reader, topic.bootstrap, taking):
                await until(until_)
                await asyncio.sleep(0.2)
            rows = await reader.pool.fetch("select stream_id, count(*) from events group by 1")
            return {row["stream_id"]: row["count"] for row in rows}

    def applied() -> int:
        return counted(name).get("applied", 0)

    await topic.send(*(fact(each, 1) for each in streams))
    await read(dsn, lambda: applied() == 8)
    yesterday = await copy_of(databases, dsn)
    await topic.send(*(fact(each, number) for number in (2, 3) for each in streams))
    went_on = await read(dsn, lambda: applied() == 24)
    caught_up = await read(yesterday, lambda: applied() == 40)
    assert caught_up == went_on == dict.fromkeys(streams, 3)
    assert "held" not in counted(name)
