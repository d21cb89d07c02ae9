"""Poison: the whole corpus of bad records at once."""

import random
from dataclasses import dataclass

from tests.chaos.drivers.poison import CORPUS, Poisoner
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem


@dataclass(frozen=True, slots=True)
class Poison:
    chance: random.Random
    kind: str = "poison"

    @property
    def what(self) -> str:
        return f"{len(CORPUS)} bad records, and one ahead of a real stream"

    async def strike(self, system: ChaosSystem) -> int:
        await system.until_up("kafka")
        return await Poisoner(system, self.chance).write()


def poison(chance: random.Random) -> Poison:
    return Poison(random.Random(chance.getrandbits(64)))  # noqa: S311 - its own, so that nothing else depends on it


KINDS: dict[str, Make] = {"poison": poison}
