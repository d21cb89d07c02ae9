"""Kafka in memory: topics and partitions that only grow, groups with committed offsets and members that come and go.

The log may say nothing for a while (per group and partition), refuse, or take a chunk and lose the ack.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from shared.contracts.topics import DEAD_LETTERS, TOPICS
from tests.chaos.simulation.machine import Machine, Process

CHUNK_RECORDS_MAX = 8
EVERY_TOPIC = (*TOPICS, *DEAD_LETTERS)
Partition = tuple[str, int]
Headers = Sequence[tuple[str, bytes | None]]
Spoil = Callable[[Partition, bytes | None, bytes | None, Headers], None]
"""Told of every record before it is appended: it may put another one before it."""


@dataclass(slots=True)
class Group:
    """A consumer group: who is in it, since which generation, and what it has committed."""

    topics: tuple[str, ...]
    members: list[object] = field(default_factory=list)
    generation: int = 0
    committed: dict[Partition, int] = field(default_factory=dict)
    stalled_until: dict[Partition, float] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class Log:
    """All topics of `topics.py`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.partitions: dict[Partition, list[ConsumerRecord]] = {
            (topic.name, number): [] for topic in EVERY_TOPIC for number in range(topic.partitions)
        }
        self.groups: dict[str, Group] = {}
        self.away_until = 0.0
        self._readers: dict[str, list[Group]] = defaultdict(list)

    def group(self, name: str, topics: Sequence[str]) -> Group:
        """The group of this name; made when first asked for."""
        if name not in self.groups:
            group = self.groups[name] = Group(tuple(topics))
            for topic in topics:
                self._readers[topic].append(group)
        return self.groups[name]

    def append(self, place: Partition, key: bytes | None, value: bytes | None, headers: Headers) -> int:  # fmt: skip
        """At the end; answers the offset."""
        records = self.partitions[place]
        offset = len(records)
        records.append(
            ConsumerRecord(*place, offset, 0, 0, key, value, None, -1, -1, tuple(headers))
        )
        for group in self._readers[place[0]]:
            group.arrived.set()
        return offset

    def join(self, group: Group, member: object) -> None:
        """A rebalance."""
        group.members.append(member)
        group.generation += 1
        group.arrived.set()

    def leave(self, group: Group, member: object) -> None:
        """Another one, when the coordinator notices."""
        if member in group.members:
            group.members.remove(member)
            group.generation += 1
            group.arrived.set()

    def assigned(self, group: Group, member: object) -> list[Partition]:
        """This member's share."""
        if member not in group.members:
            return []
        turn, count = group.members.index(member), len(group.members)
        everything = [place for place in self.partitions if place[0] in group.topics]
        offset = group.generation  # so that partitions change hands
        return [p for number, p in enumerate(everything) if (number + offset) % count == turn]

    def readable(self, group: Group, place: Partition, position: int, most: int) -> list[ConsumerRecord]:  # fmt: skip
        """What this group may see of it now."""
        now = self.machine.loop.time()
        if max(group.stalled_until.get(place, 0.0), self.away_until) > now:
            return []
        if self.machine.inject("delayed partition", self.machine.weather.stall):
            seconds = self.machine.chance.uniform(0.1, 8)
            group.stalled_until[place] = now + seconds
            self.machine.loop.call_later(seconds, group.arrived.set)
            return []
        return self.partitions[place][position : position + most]


class Chunk:
    """A batch builder, as the relay fills it."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Headers]] = []

    def append(
        self, *, key: bytes | None, value: bytes | None, timestamp: None, headers: Headers
    ) -> object | None:
        """None when it is full."""
        del timestamp
        if len(self.records) >= CHUNK_RECORDS_MAX:
            return None
        self.records.append((key, value, headers))
        return self


class Producer:
    """What the relay sends with."""

    def __init__(self, log: Log, process: Process, spoil: Spoil) -> None:
        self._log, self._process, self._spoil = log, process, spoil
        self._numbers = {topic.name: set(range(topic.partitions)) for topic in EVERY_TOPIC}

    def create_batch(self) -> Chunk:
        return Chunk()

    async def partitions_for(self, topic: str) -> set[int]:
        return self._numbers[topic]

    async def send_batch(
        self, chunk: Chunk, topic: str, partition: int
    ) -> "asyncio.Future[SimpleNamespace]":
        """Begun: it goes on its way even if nobody waits for the ack any more."""
        loop = self._log.machine.loop
        ack: asyncio.Future[SimpleNamespace] = loop.create_future()
        self._process.start(self._deliver(chunk, (topic, partition), ack))
        return ack

    async def _deliver(
        self, chunk: Chunk, place: Partition, ack: "asyncio.Future[SimpleNamespace]"
    ) -> None:
        machine = self._log.machine
        await machine.step(self._process, "before publish")
        away = self._log.away_until > machine.loop.time()
        if away or machine.inject("publish refused", machine.weather.kafka_refuses):
            _answer(ack, KafkaConnectionError())
            return
        last = 0
        for key, value, headers in chunk.records:
            self._spoil(place, key, value, headers)
            last = self._log.append(place, key, value, headers)
        machine.point(self._process, "after publish")
        if machine.inject("ack lost", machine.weather.ack_lost):
            _answer(ack, KafkaTimeoutError())
        else:
            _answer(ack, SimpleNamespace(offset=last + 1 - len(chunk.records)))


def _answer(ack: "asyncio.Future[SimpleNamespace]", answer: SimpleNamespace | KafkaError) -> None:
    if ack.done():
        return
    if isinstance(answer, KafkaError):
        ack.set_exception(answer)
    else:
        ack.set_result(answer)
