"""Everything comes again: records copied on their topics, and groups set back to the beginning."""

import asyncio
import random
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from shared.contracts.topics import GROUPS, names_of
from shared.messaging.trace import FACT_TOPICS, everything
from tests.chaos.drivers.poison import is_planted
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem

JOIN_SECONDS_MAX = 40.0


@dataclass(frozen=True, slots=True)
class Copies:
    """The last records of each topic of facts, once more, `times` times."""

    records: int
    times: int
    kind: str = "duplicates"

    @property
    def what(self) -> str:
        return f"the last {self.records} records of each topic, {self.times} times"

    async def strike(self, system: ChaosSystem) -> int:
        """Byte for byte, to the same partition."""
        await system.until_up("kafka")
        bootstrap, copied = system.stack.kafka.bootstrap, 0
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        try:
            for topic in FACT_TOPICS:
                every = [each async for each in everything(bootstrap, [topic])]
                found = [each for each in every if not is_planted(each.headers)]
                for record in found[-self.records :] * self.times:
                    copied += 1
                    await producer.send_and_wait(
                        topic, record.value, record.key,
                        partition=record.partition, headers=[*record.headers],
                    )  # fmt: skip
        finally:
            await producer.stop()
        return copied


@dataclass(frozen=True, slots=True)
class SetBack:
    """A stranger joins a service's group, is given partitions, and commits their beginning."""

    group: str
    kind: str = "offsets set back"

    @property
    def what(self) -> str:
        return self.group

    async def strike(self, system: ChaosSystem) -> int:
        """Whoever gets the partitions next reads them all again."""
        await system.until_up("kafka")
        consumer = AIOKafkaConsumer(
            *names_of(self.group),
            bootstrap_servers=system.stack.kafka.bootstrap,
            group_id=self.group,
            enable_auto_commit=False,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        )
        try:
            async with asyncio.timeout(JOIN_SECONDS_MAX):
                await consumer.start()
                while not (given := consumer.assignment()):  # noqa: ASYNC110 - aiokafka tells nobody
                    await asyncio.sleep(0.1)
                await consumer.commit(dict.fromkeys(given, 0))
        finally:
            await consumer.stop()
        return len(given)


def copies(chance: random.Random) -> Copies:
    return Copies(chance.choice((3, 20, 60)), chance.randint(1, 4))


def set_back(chance: random.Random) -> SetBack:
    return SetBack(chance.choice([*GROUPS]))


KINDS: dict[str, Make] = {"duplicates": copies, "offsets set back": set_back}
