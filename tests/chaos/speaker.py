"""One process of the smallest service there is: it says facts at a pace, and its relay competes for the leader's lock.

Started by replicas.py with the variables of `Told`. What was answered is a line of its file, written before the next.
"""

import asyncio
import os
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import uvloop

from shared.event_sourcing.database import open_pool
from shared.event_sourcing.outcomes import Unavailable
from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.relay import Relay
from tests.support.ledger import DEFINITION, Happened, History, Ledger, do

STREAMS, WORKERS = 40, 4


@dataclass(frozen=True, slots=True)
class Told:
    """`pace`: facts a second; `answered`: the file of what was answered."""

    dsn: str
    bootstrap: str
    topic: str
    pace: float
    answered: Path

    def variables(self) -> dict[str, str]:
        """As the process is told."""
        return {
            "SPEAKER_DSN": self.dsn,
            "SPEAKER_BOOTSTRAP": self.bootstrap,
            "SPEAKER_TOPIC": self.topic,
            "SPEAKER_PACE": str(self.pace),
            "SPEAKER_ANSWERED": str(self.answered),
        }

    @classmethod
    def read(cls) -> "Told":
        """In the process itself."""
        dsn, bootstrap, topic, pace, answered = (
            os.environ[f"SPEAKER_{name}"]
            for name in ("DSN", "BOOTSTRAP", "TOPIC", "PACE", "ANSWERED")
        )
        return cls(dsn, bootstrap, topic, float(pace), Path(answered))


def speaking(unit: Ledger, topic: str) -> Ledger:
    """Whatever happens is said, as its own name."""

    def publish(event: Happened, _: History) -> Published:
        return Published(topic, "datacloud.happened.v1", event.what.encode())

    return UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))


async def main(told: Told) -> None:
    """Until it is killed."""
    pool = await open_pool(told.dsn)
    unit = speaking(UnitOfWork(pool, DEFINITION), told.topic)
    file = os.open(told.answered, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    relay = Relay(told.dsn, told.bootstrap, "ledger", unit.wakeups)
    await asyncio.gather(relay.run(), *(_say(unit, file, told) for _ in range(WORKERS)))


async def _say(unit: Ledger, file: int, told: Told) -> None:
    """One fact after the other; whoever falls behind does not make up for it."""
    pause = WORKERS / told.pace
    while True:
        began, what = time.monotonic(), str(uuid4())
        try:
            await do(unit, f"s{random.randrange(STREAMS)}", Happened(what))  # noqa: S311 - any of them
        except Unavailable:
            await asyncio.sleep(0.2)
            continue
        os.write(file, f"{what}\n".encode())
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))


if __name__ == "__main__":
    uvloop.run(main(Told.read()))
