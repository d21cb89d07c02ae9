"""SIGSTOP, and SIGCONT after a while: a process that was away without knowing it (a zombie, when it wakes)."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from shared.operations.stack import SERVICES
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem


@dataclass(frozen=True, slots=True)
class Freeze:
    kind: str
    name: str
    seconds: float

    @property
    def what(self) -> str:
        return f"{self.name}, {self.seconds:.0f} s"

    async def strike(self, system: ChaosSystem) -> int:
        """With its children; whoever was killed meanwhile stays dead."""
        with system.interruptions.lasting(self.name):
            pids = system.freeze(self.name)
            try:
                await asyncio.sleep(self.seconds)
            finally:
                system.thaw(pids)
        return 1 if pids else 0


def service(chance: random.Random) -> Freeze:
    """Longer than its group waits for it (10 s), and long enough that its leases end (30 s) now and then."""
    return Freeze("freeze service", chance.choice(SERVICES), chance.choice((4, 13, 18)))


def server(chance: random.Random, *, name: str) -> Freeze:
    return Freeze(f"freeze {name}", name, chance.uniform(3, 9))


KINDS: dict[str, Make] = {
    "freeze service": service,
    "freeze kafka": partial(server, name="kafka"),
    "freeze postgres": partial(server, name="postgres"),
}
