"""Three processes of one service, started again as soon as they are killed, and who of them holds the leader's lock."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from deploy.local.children import kill, spawn
from shared.messaging.relay import LEADER_LOCK
from shared.operations.stack import ROOT
from tests.chaos.speaker import Told

REPLICAS, LOOK_SECONDS = 3, 0.02
_LEADERS = """
select a.application_name from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.objid = ($1::bigint & 4294967295)::oid
    and l.database = (select oid from pg_database where datname = current_database())
"""


@dataclass(slots=True)
class Figures:
    """What a run came to."""

    seconds: float = 0.0
    facts: int = 0
    records: int = 0
    kills: int = 0
    kills_of_leaders: int = 0
    freezes: int = 0
    leaders: int = 0
    looks: int = 0
    leaderless: int = 0
    acts: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.facts / self.seconds if self.seconds else 0.0

    def table(self) -> Iterator[str]:
        """For the person at the terminal."""
        told = {
            "seconds": f"{self.seconds:.0f}",
            "facts": f"{self.facts} ({self.rate:.0f} a second)",
            "records on the topic": f"{self.records} ({self.records - self.facts} of them said again)",
            "kills": f"{self.kills}, {self.kills_of_leaders} of them of the leader",
            "leaders frozen": self.freezes,
            "rounds of facts said": f"{self.acts}, each by the session that led, one session after the other",
            "leaders": f"{self.leaders}, by {self.looks} looks at pg_locks, {self.leaderless} of which found none",
        }
        return (f"{name:<24}{value}" for name, value in told.items())


class Replicas:
    """`spared` is not killed at random. All are dead when the block ends."""

    def __init__(self, told: Told, log: Path, figures: Figures) -> None:
        self._told, self._log, self.figures = told, log, figures
        self._processes: list[subprocess.Popen[bytes]] = []
        self.spared: int | None = None

    def __enter__(self) -> Self:
        self._processes = [self._start(number) for number in range(REPLICAS)]
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for process in self._processes:
            kill(process)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        dsn = f"{self._told.dsn}?application_name=replica-{number}"
        return spawn(
            [sys.executable, "-m", "tests.chaos.speaker"],
            self._log / f"replica-{number}.log",
            environment=replace(self._told, dsn=dsn).variables(),
            directory=ROOT,
            last_signal=signal.SIGKILL,
        )

    def kill(self, number: int, leader: int | None = None) -> None:
        """Without a warning; another one starts at once."""
        if not self.lives(number):
            self.figures.wrong.append(f"replica {number} ended by itself")
        kill(self._processes[number])
        self.figures.kills += 1
        self.figures.kills_of_leaders += number == leader
        self._processes[number] = self._start(number)

    def lives(self, number: int) -> bool:
        return self._processes[number].poll() is None

    def signal(self, number: int, what: signal.Signals) -> None:
        self._processes[number].send_signal(what)


class Watch:
    """Looks all the time; `changes`: when who began to lead, None for nobody."""

    def __init__(self, dsn: str, figures: Figures) -> None:
        self._dsn, self._figures = dsn, figures
        self.changes: list[tuple[float, int | None]] = []
        self.leader: int | None = None

    async def run(self) -> None:
        """Until cancelled."""
        connection = await asyncpg.connect(self._dsn)
        try:
            while True:
                names = [row[0] for row in await connection.fetch(_LEADERS, LEADER_LOCK)]
                self._note(names)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            with suppress(asyncpg.PostgresError, OSError):
                await connection.close()

    def _note(self, names: list[str]) -> None:
        figures = self._figures
        figures.looks += 1
        figures.leaderless += not names
        _, dash, number = names[0].rpartition("replica-") if names else ("", "", "")
        leader = int(number) if dash else None
        if leader != self.leader:
            self.leader = leader
            self.changes.append((time.monotonic(), leader))
            figures.leaders += leader is not None
