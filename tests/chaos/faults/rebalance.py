"""Rebalance: a second process of a service comes and goes while both consume."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

from deploy.local.children import stop
from shared.contracts.topics import GROUPS
from tests.chaos.fault import Make
from tests.chaos.harness import STOP_SECONDS_MAX, ChaosSystem
from tests.chaos.simulation.house import COPIES

LOOK_SECONDS, ANSWER_SECONDS_MAX, PATIENCE_SECONDS = 1.0, 5.0, 12.0
CONSUMING = ("intake", "review", "provisioning", "notifier")


@dataclass(frozen=True, slots=True)
class Rebalance:
    """It is killed or asked to stop after so many seconds."""

    service: str
    seconds: float
    killed: bool
    kind: str = "rebalance"

    @property
    def what(self) -> str:
        end = "killed" if self.killed else "stopped"
        return f"a second {self.service}, {end} after {self.seconds:.0f} s"

    async def strike(self, system: ChaosSystem) -> int:
        """It starts in about three seconds; counted are the groups that it joined."""
        async with system.replica(self.service) as process:
            joined = await self._joined(system)
            lived = process.poll() is None
            with system.interruptions.lasting(self.service):
                if self.killed and lived:
                    process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(stop, process, signal.SIGTERM, STOP_SECONDS_MAX)
        return joined

    async def _joined(self, system: ChaosSystem) -> int:
        """For so many seconds, or a while longer; how many of the service's groups got a member they had not had."""
        groups = [name for name in (*GROUPS, *COPIES) if name.startswith(f"{self.service}.")]
        before = await members(system.stack.kafka.bootstrap, groups)
        grown, until = set[str](), time.monotonic() + self.seconds
        while time.monotonic() < until + (0 if grown else PATIENCE_SECONDS):
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(KafkaError, OSError, TimeoutError):
                now = await members(system.stack.kafka.bootstrap, groups)
                grown |= {name for name in groups if now[name] - before[name]}
        return len(grown)


class DescribeGroups(Request[DescribeGroupsRequest_v2]):  # type: ignore[misc]  # aiokafka is not typed
    """aiokafka's own speaks a newer version, whose answer it cannot read."""

    API_KEY = DescribeGroupsRequest_v2.API_KEY

    def __init__(self, groups: Sequence[str]) -> None:
        self._groups = [*groups]

    def build(
        self, request_struct_class: type[DescribeGroupsRequest_v2]
    ) -> DescribeGroupsRequest_v2:
        """As the broker is told."""
        return request_struct_class(self._groups)


async def members(bootstrap: str, groups: Sequence[str]) -> dict[str, frozenset[str]]:
    """Who belongs to each of these groups, as the only broker tells anybody."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await client.bootstrap()
            answer = await client.send(client.get_random_node(), DescribeGroups(groups))
    finally:
        await client.close()
    return {
        name: frozenset(str(member[0]) for member in those)
        for _, name, _, _, _, those in answer.groups
    }


def rebalance(chance: random.Random) -> Rebalance:
    service = chance.choice(CONSUMING)
    return Rebalance(service, chance.uniform(6, 14), chance.random() < 0.3)


KINDS: dict[str, Make] = {"rebalance": rebalance}
