"""What runs inside a simulated process: the product's relay, subscriptions and schedulers, fed from memory."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, cast

from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared.event_sourcing.database import PlainConnection, is_world_away
from shared.event_sourcing.unit_of_work import Wakeups
from shared.messaging.blocked import Received, receive
from shared.messaging.consumer import Takes
from shared.messaging.relay import LEADER_LOCK, Relay
from shared.messaging.taking import OurCodeFails
from tests.chaos.simulation.connection import MemoryPool
from tests.chaos.simulation.log import Group, Log, Partition, Producer, Spoil
from tests.chaos.simulation.machine import Machine, Process

POLL_SECONDS = 5.0
BATCH_RECORDS_MAX = 12


class SimulatedRelay(Relay):
    """The product's relay but for its connections."""

    def __init__(self, pool: MemoryPool, log: Log, wakeups: Wakeups, spoil: Spoil) -> None:
        super().__init__("", "", pool.database.service, wakeups)
        self._memory, self._log, self._spoil = pool, log, spoil

    async def _lead(self) -> None:
        session = self._memory.session()
        producer = Producer(self._log, self._memory.process, self._spoil)
        connection, kafka = cast("PlainConnection", session), cast("AIOKafkaProducer", producer)
        try:
            while not await session.fetchval("select pg_try_advisory_lock($1)", LEADER_LOCK):  # noqa: ASYNC110 - another process gives it
                await asyncio.sleep(POLL_SECONDS)
            while True:
                self._wakeup.clear()
                if await self._say(connection, kafka):
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wakeup.wait()
        finally:
            session.terminate()


class SimulatedConsumer:
    """One subscription in one process: joins its group, starts where stored, takes batches, commits offsets."""

    def __init__(self, machine: Machine, pool: MemoryPool, log: Log, takes: Takes) -> None:
        self._machine, self._pool, self._log, self._takes = machine, pool, log, takes
        self._group: Group = log.group(takes.name, takes.topics)
        self._positions: dict[Partition, int] = {}
        self._generation = -1

    async def run(self) -> None:
        """Until killed."""
        await self._patiently(self._takes.sweep)
        self._log.join(self._group, self)
        try:
            while True:
                await self._round()
        finally:
            self._machine.loop.call_later(
                self._machine.chance.uniform(0, 3), self._log.leave, self._group, self
            )

    async def _round(self) -> None:
        machine, weather = self._machine, self._machine.weather
        if machine.inject("rebalance", weather.rebalance):
            self._group.generation += 1
        if self._generation != self._group.generation:
            await self._patiently(self._place)
        if self._positions and machine.inject("offsets rewound", weather.rewind):
            place = machine.chance.choice(list(self._positions))
            self._positions[place] = machine.chance.randrange(self._positions[place] + 1)
        records = self._fetch()
        if not records:
            await self._wait()
            return
        received = [receive(record) for record in records]
        await self._patiently(lambda: self._takes.handle(received))
        await self._commit(received)

    def _fetch(self) -> list[ConsumerRecord]:
        """Partitions in any order, each from its position on."""
        ends = self._log.partitions
        places = [place for place, at in self._positions.items() if len(ends[place]) > at]
        self._machine.chance.shuffle(places)
        found: list[ConsumerRecord] = []
        for place in places:
            most = self._machine.chance.randint(1, BATCH_RECORDS_MAX)
            records = self._log.readable(self._group, place, self._positions[place], most)
            self._positions[place] += len(records)
            found += records
        return found

    async def _wait(self) -> None:
        self._group.arrived.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._group.arrived.wait()

    async def _place(self) -> None:
        """As StartWhereStored: the smaller of the offset stored with our data and the committed one."""
        generation = self._group.generation
        rows = await self._pool.fetch(
            "select topic, partition, next from offsets where subscription = $1", self._takes.name
        )
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        self._positions = {
            place: min(stored.get(place, 0), self._group.committed.get(place, stored.get(place, 0)))
            for place in self._log.assigned(self._group, self)
        }
        self._generation = generation

    async def _commit(self, received: Sequence[Received]) -> None:
        machine = self._machine
        await machine.step(self._pool.process, "before offset commit")
        if machine.inject("offset commit lost", machine.weather.offsets_lost):
            return
        if self._generation != self._group.generation:
            return  # the coordinator refuses it, and it is passed over
        for record in received:
            place, following = record.place[:2], record.place[2] + 1
            self._group.committed[place] = max(following, self._group.committed.get(place, 0))
        machine.point(self._pool.process, "after offset commit")

    async def _patiently(self, call: Callable[[], Awaitable[None]]) -> None:
        """As Consumer: in place until the world is back."""
        while True:
            try:
                await call()
            except Exception as error:
                if not (is_world_away(error) or isinstance(error, OurCodeFails)):
                    raise
                await self._machine.pause(self._machine.chance.uniform(0.1, 2))
            else:
                return


def until_it_breaks(
    machine: Machine, process: Process, work: Callable[[], Awaitable[Any]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """A background part of a process: when it raises, the process ends, and that is remembered."""

    async def run() -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            machine.broken.append(f"{process.name}: {error!r}")
            machine.kill(process)

    return run
