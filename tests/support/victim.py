"""A process that does one thing of the smallest service there is, and dies at the kill point it was told.

`python -m tests.support.victim recover|take_in`, with VICTIM_DSN, VICTIM_BOOTSTRAP, VICTIM_TOPIC and VICTIM_NAME.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.event_sourcing.database import open_pool
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.recovery import Recovery
from shared.messaging.subscription import Subscription
from shared.operations.kill_points import VARIABLE
from shared.operations.stack import ROOT
from tests.support.bus import consuming, react
from tests.support.ledger import DEFINITION, Ledger

SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """Where it works; `name` is that of its subscription."""

    dsn: str
    bootstrap: str
    topic: str
    name: str = ""

    def run(self, what: str, kill_point: str = "") -> "subprocess.CompletedProcess[str]":
        """Do it in a process of its own, and wait for its end."""
        told = {f"VICTIM_{name.upper()}": getattr(self, name) for name in self.__slots__}
        told |= {VARIABLE: kill_point} if kill_point else {}
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "tests.support.victim", what],
            cwd=ROOT, env={**os.environ, **told}, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip


async def recover(told: Told, unit: Ledger) -> None:
    """As a service at its start."""
    await Recovery(unit, told.dsn, told.bootstrap, [told.topic]).done()


async def take_in(told: Told, unit: Ledger) -> None:
    """Until it is killed, or for so long."""
    async with consuming(unit, told.bootstrap, Subscription(unit, told.name, [told.topic], react)):
        await asyncio.sleep(SECONDS_MAX / 2)


WORK: dict[str, Callable[[Told, Ledger], Awaitable[None]]] = {
    "recover": recover,
    "take_in": take_in,
}


async def main(what: str) -> None:
    """In the process itself."""
    told = Told(*(os.environ[f"VICTIM_{name.upper()}"] for name in Told.__slots__))
    pool = await open_pool(told.dsn)
    await WORK[what](told, UnitOfWork(pool, DEFINITION))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
