"""kill -9: no warning, no last words; the supervisor starts it again."""

import asyncio
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.operations.stack import SERVICES
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem

UP_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """All at once; `again_after` seconds later the first of them once more, while it recovers."""

    kind: str
    names: Sequence[str]
    again_after: float | None = None

    @property
    def what(self) -> str:
        return f"{', '.join(self.names)}" + (", twice" if self.again_after is not None else "")

    async def strike(self, system: ChaosSystem) -> int:
        """Over as soon as they are dead: to come back is their own affair."""
        with system.interruptions.lasting(*self.names):
            killed = {name: system.pid(name) for name in self.names}
            hits = sum(system.signal(name, signal.SIGKILL) for name in self.names)
            if self.again_after is not None:
                async with asyncio.timeout(UP_SECONDS_MAX):
                    while system.pid(self.names[0]) == killed[self.names[0]]:  # noqa: ASYNC110 - a supervisor tells nobody
                        await asyncio.sleep(0.05)
                await asyncio.sleep(self.again_after)
                hits += system.signal(self.names[0], signal.SIGKILL)
        return hits


def one_of(chance: random.Random, *, kind: str, names: Sequence[str]) -> Kill:
    """One of these."""
    return Kill(kind, [chance.choice(names)])


def several(_chance: random.Random, *, kind: str, names: Sequence[str]) -> Kill:
    """All of these."""
    return Kill(kind, names)


def twice(chance: random.Random) -> Kill:
    """A service, and again while it recovers."""
    return Kill("kill -9 in recovery", [chance.choice(SERVICES)], chance.uniform(0.2, 3.0))


KINDS: dict[str, Make] = {
    "kill -9 service": partial(one_of, kind="kill -9 service", names=SERVICES),
    "kill -9 all services": partial(several, kind="kill -9 all services", names=SERVICES),
    "kill -9 in recovery": twice,
    **{
        f"kill -9 {name}": partial(one_of, kind=f"kill -9 {name}", names=[name])
        for name in ("kafka", "postgres", "mail", "cloud_platform", "front_door")
    },
    "kill -9 kafka and all": partial(
        several, kind="kill -9 kafka and all", names=("kafka", *SERVICES)
    ),
}
