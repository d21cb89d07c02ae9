"""P12: from the end of the last fault on, how long until all is said and read, and until nothing is left to do."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.topics import GROUPS, PARTITIONS, names_of
from shared.event_sourcing.database import DATABASE_ERRORS
from shared.operations.stack import SERVICES
from tests.chaos.harness import ChaosSystem
from tests.chaos.simulation.house import COPIES
from tests.chaos.world import Recovery

WORLD_AWAY = (KafkaError, *DATABASE_ERRORS)
"""What a harness meets that works in the middle of faults: it tries again."""

LOOK_SECONDS = 0.5
NO_PROGRESS_SECONDS_MAX = 150.0
"""More than two pauses between attempts at an effect (a minute each)."""

Lag = Mapping[tuple[str, str, int], int]

# What is due later, a reminder in the morning perhaps, is not left over; what is tried again is.
_LEFT = """
select (select count(*) from outbox) as unsaid,
       (select count(*) from scheduled where due_at < datacloud_now() or attempts > 0) as undone,
       (select count(*) from events) + (select coalesce(sum(attempts), 0) from scheduled) as progress
"""


@dataclass(slots=True)
class _Left:
    """What is to be done; `progress` is a number that changes whenever anything happens."""

    unsaid: int = 0
    undone: int = 0
    progress: int = 0


async def until_quiet(system: ChaosSystem, working: Callable[[], bool]) -> Recovery:
    """Begins now; not before clients stop `working`. Gives up when nothing happens though something is left."""
    began = moved = time.monotonic()
    caught_up: float | None = None
    last: tuple[int, int] = (0, 0)
    while time.monotonic() - moved < NO_PROGRESS_SECONDS_MAX:
        try:
            left, lag = await _left(system), await _lag(system)
        except WORLD_AWAY:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        now = time.monotonic()
        behind = left.unsaid + sum(lag.values())
        if caught_up is None and not behind:
            caught_up = now - began
        quiet = not behind and not left.undone and not working()
        if (left.progress, behind) != last:
            last, moved = (left.progress, behind), now
        elif quiet:  # twice the same: a look at five databases and the topics takes time, and work may pass it by
            return Recovery(caught_up, now - began, lag)
        await asyncio.sleep(LOOK_SECONDS)
    return Recovery(caught_up, None, {place: each for place, each in lag.items() if each})


async def _left(system: ChaosSystem) -> _Left:
    found = _Left()
    for service in SERVICES:
        connection = await system.admin(service)
        try:
            row = await connection.fetchrow(_LEFT)
        finally:
            await connection.close()
        assert row is not None
        found.unsaid += row["unsaid"]
        found.undone += row["undone"]
        found.progress += row["progress"]
    return found


async def _lag(system: ChaosSystem) -> Lag:
    """As any tool shows it: by what each group has committed."""
    bootstrap = system.stack.kafka.bootstrap
    groups = {name: names_of(name) for name in GROUPS}
    groups |= {name: [*topics] for name, (_, topics) in COPIES.items()}
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        stack.push_async_callback(admin.close)
        await admin.start()
        reader = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        stack.push_async_callback(reader.stop)
        await reader.start()
        every = sorted({topic for topics in groups.values() for topic in topics})
        places = [TopicPartition(topic, n) for topic in every for n in range(PARTITIONS)]
        ends = await reader.end_offsets(places)
        lag = {}
        for name, topics in groups.items():
            read = await admin.list_consumer_group_offsets(name)
            for place in places:
                if place.topic in topics:
                    done = max(0, read[place].offset) if place in read else 0
                    lag[name, place.topic, place.partition] = ends[place] - done
        return lag
