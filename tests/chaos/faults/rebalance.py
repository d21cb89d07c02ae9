"""Rebalance: a second process of a service comes and goes while both consume."""

import asyncio
import random
import signal
from dataclasses import dataclass

from deploy.local.children import stop
from tests.chaos.fault import Make
from tests.chaos.harness import STOP_SECONDS_MAX, ChaosSystem

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
        """It starts in about three seconds; its leaving is a rebalance as well."""
        async with system.replica(self.service) as process:
            await asyncio.sleep(self.seconds)
            lived = process.poll() is None
            with system.interruptions.lasting(self.service):
                if self.killed and lived:
                    process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(stop, process, signal.SIGTERM, STOP_SECONDS_MAX)
        return 1 if lived else 0


def rebalance(chance: random.Random) -> Rebalance:
    service = chance.choice(CONSUMING)
    return Rebalance(service, chance.uniform(6, 14), chance.random() < 0.3)


KINDS: dict[str, Make] = {"rebalance": rebalance}
