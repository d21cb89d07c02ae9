"""Asked to stop, as a deployment does: SIGTERM to a service, the ways of an operator to the servers."""

import asyncio
import random
import signal
from dataclasses import dataclass
from functools import partial

from shared.operations.stack import SERVICES
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem

STOP_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Restart:
    kind: str
    name: str
    how: signal.Signals = signal.SIGTERM

    @property
    def what(self) -> str:
        return f"{self.name}, {self.how.name}"

    async def strike(self, system: ChaosSystem) -> int:
        """Over when it has stopped; to come back is its own affair."""
        pid = system.pid(self.name)
        with system.interruptions.lasting(self.name):
            if not system.signal(self.name, self.how):
                return 0
            async with asyncio.timeout(STOP_SECONDS_MAX):
                while system.pid(self.name) == pid:  # noqa: ASYNC110 - a supervisor tells nobody
                    await asyncio.sleep(0.1)
        return 1


def service(chance: random.Random) -> Restart:
    return Restart("SIGTERM service", chance.choice(SERVICES))


def kafka(_chance: random.Random) -> Restart:
    return Restart("SIGTERM kafka", "kafka")


def postgres(_chance: random.Random, *, how: signal.Signals) -> Restart:
    """SIGINT is a fast shutdown, SIGQUIT an immediate one."""
    return Restart(f"{how.name} postgres", "postgres", how)


KINDS: dict[str, Make] = {
    "SIGTERM service": service,
    "SIGTERM kafka": kafka,
    "SIGINT postgres": partial(postgres, how=signal.SIGINT),
    "SIGQUIT postgres": partial(postgres, how=signal.SIGQUIT),
}
