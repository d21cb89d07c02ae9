"""Not a byte left on the disk of PostgreSQL or of Kafka; then somebody makes room."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from shared.operations.stack import SERVICES
from tests.chaos.disks import filled
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem

HARM_TRIES_MAX = 60
NO_SPACE = ("No space left on device", "DiskFullError")


@dataclass(frozen=True, slots=True)
class DiskFull:
    """Only where the servers' disks are small ones of their own."""

    server: str
    seconds: float

    @property
    def kind(self) -> str:
        return f"disk full {self.server}"

    @property
    def what(self) -> str:
        return f"{self.server}, {self.seconds:.0f} s"

    async def strike(self, system: ChaosSystem) -> int:
        """Only what somebody complained of has done harm; a while longer if nobody has until then."""
        if not system.small_disks:
            return 0
        disk = system.places.root / "disks" / self.server
        before = _complaints(system, self.server)
        with system.interruptions.lasting(self.server), filled(disk):
            await asyncio.sleep(self.seconds)
            for _ in range(HARM_TRIES_MAX):
                if (hits := _complaints(system, self.server) - before) > 0:
                    break
                await asyncio.sleep(0.2)
        return hits


def _complaints(system: ChaosSystem, server: str) -> int:
    """How often the server itself, or a service to which it said so, found no space."""
    logs = [system.places.log(server)]
    logs += [system.places.log(service) for service in SERVICES] if server == "postgres" else []
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs if log.exists()]
    return sum(text.count(word) for text in texts for word in NO_SPACE)


def disk_full(chance: random.Random, *, server: str) -> DiskFull:
    return DiskFull(server, chance.uniform(3, 10))


KINDS: dict[str, Make] = {
    "disk full postgres": partial(disk_full, server="postgres"),
    "disk full kafka": partial(disk_full, server="kafka"),
}
