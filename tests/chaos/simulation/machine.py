"""Processes that may be killed or frozen at any named point, under one seed: who runs next, how long, and what breaks.

Every call to the outside (database, Kafka, mail, platform) passes `step` before and `point` after it.
"""

import asyncio
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.operations.stack import SERVICES
from tests.chaos.simulation.loop import VirtualLoop

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 09:00 in Pontianak."""


class Killed(asyncio.CancelledError):
    """The process is no more: nothing it does from here on has any effect."""


@dataclass(slots=True)
class Weather:
    """How often what breaks, per step or per call; all zero when the faults have ended."""

    aim: tuple[str, float, float] = ("", 0.0, 0.0)
    kill: float = 0.0
    freeze: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    kafka_refuses: float = 0.0
    ack_lost: float = 0.0
    offsets_lost: float = 0.0
    rewind: float = 0.0
    rebalance: float = 0.0
    stall: float = 0.0
    poison: float = 0.0
    our_code_fails: float = 0.0
    mail_fails: float = 0.0
    platform_fails: float = 0.0
    answer_lost: float = 0.0
    clock_jump: float = 0.0
    database_restarts: float = 0.0
    kafka_away: float = 0.0


@dataclass(slots=True)
class Process:
    """One replica of one service. It lives once; who starts it again makes a new one."""

    name: str
    service: str
    alive: bool = True
    frozen_until: float = 0.0
    tasks: "dict[asyncio.Task[Any], None]" = field(default_factory=dict)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task of this process: it and all that it starts die with it."""
        token = _INSIDE.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _INSIDE.reset(token)


_INSIDE: "ContextVar[Process | None]" = ContextVar("process", default=None)


class Machine:
    """The loop, the chance and the clock of one run."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self.loop = VirtualLoop()
        self.chance = random.Random(seed)  # noqa: S311 - it is the point that it can be foretold
        self.weather = weather
        self.shift = timedelta()
        self.steps = 0
        self.trace = 0
        self.injected: Counter[str] = Counter()
        self.interruptions: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        self.deaths: asyncio.Queue[Process] = asyncio.Queue()
        self.broken: list[str] = []
        self.loop.set_task_factory(self._task)  # type: ignore[arg-type]  # typeshed knows one Python's form of it
        self.loop.set_exception_handler(self._unexpected)

    def now(self) -> datetime:
        """The databases' clock."""
        return START + self.shift + timedelta(seconds=round(self.loop.time(), 6))

    def happens(self, rate: float) -> bool:
        """Whether the dice say so."""
        return rate > 0 and self.chance.random() < rate

    def inject(self, fault: str, rate: float) -> bool:
        """Whether this fault strikes now; counted if it does."""
        if rate <= 0.0 or self.chance.random() >= rate:
            return False
        self.injected[fault] += 1
        return True

    def interrupts(self, service: str, seconds: float = 0.0) -> None:
        """From now on for so long it is kept from noting what it did; whoever is, does it again."""
        now = self.now()
        self.interruptions[service].append((now, now + timedelta(seconds=seconds)))

    def move_clock(self, by: timedelta) -> None:
        """Ahead, for everybody at once: leases end by it."""
        before = self.now()
        self.shift += by
        for service in SERVICES:
            self.interruptions[service].append((before, self.now()))

    async def pause(self, seconds: float) -> None:
        """Virtual seconds."""
        waiting = self.loop.create_future()
        self.loop.call_later(seconds, _done, waiting)
        await waiting

    async def step(self, process: Process, name: str) -> None:
        """Let others go first, for as long as chance says. Here processes are killed, and wait while frozen."""
        if not process.alive:
            raise Killed
        self.steps += 1
        self.trace = zlib.crc32(f"{process.name}{name}".encode(), self.trace)
        most = 0.5 if self.happens(self.weather.slow) else 0.004
        await self.pause(self.chance.random() * most)
        aimed_at, _, freeze = self.weather.aim
        if freeze and aimed_at in name and self.inject("freeze", freeze):
            self._freeze(process, self.chance.uniform(6, 45))
        elif self.inject("freeze", self.weather.freeze):
            self._freeze(process, self.chance.uniform(1, 45))
        while process.frozen_until > self.loop.time():
            await self.pause(process.frozen_until - self.loop.time() + self.chance.random() * 0.01)
        self.point(process, name)

    def _freeze(self, process: Process, seconds: float) -> None:
        process.frozen_until = self.loop.time() + seconds
        self.interrupts(process.service, seconds)

    def point(self, process: Process, name: str) -> None:
        """A place where the process may die, whatever it has just done."""
        if not process.alive:
            raise Killed
        aimed_at, often, _ = self.weather.aim
        rate = often if often and aimed_at in name else self.weather.kill
        if self.inject("kill", rate):
            self.injected[f"kill at {name}"] += 1
            self.kill(process)
            raise Killed

    def kill(self, process: Process) -> None:
        """As the kernel would: no last words."""
        process.alive = False
        self.interrupts(process.service)
        for task in list(process.tasks):
            task.cancel()
        self.deaths.put_nowait(process)

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        **how: Any,  # noqa: ANN401 - asyncio's own
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(work, loop=loop, **how)
        process = _INSIDE.get()
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(lambda done: process.tasks.pop(done, None))
            if not process.alive:
                task.cancel()
        return task

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody caught: a real process would have ended by it."""
        self.broken.append(f"{context.get('message')}: {context.get('exception')!r}")


def _done(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
