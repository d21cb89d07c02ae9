"""Not a byte left on the disk of PostgreSQL or of Kafka; then somebody makes room."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from tests.chaos.disks import filled
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem


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
        if not system.small_disks:
            return 0
        disk = system.places.root / "disks" / self.server
        with system.interruptions.lasting(self.server), filled(disk):
            await asyncio.sleep(self.seconds)
        return 1


def disk_full(chance: random.Random, *, server: str) -> DiskFull:
    return DiskFull(server, chance.uniform(3, 10))


KINDS: dict[str, Make] = {
    "disk full postgres": partial(disk_full, server="postgres"),
    "disk full kafka": partial(disk_full, server="kafka"),
}
