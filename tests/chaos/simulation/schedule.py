"""One schedule: five services, their clients and the weather, from one seed; then calm, until nothing is left.

The same seed gives the same run, step by step (`Result.trace`), in any process.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import process_time

from tests.chaos.checker import Violation, check
from tests.chaos.history import History
from tests.chaos.simulation.clients import Clients
from tests.chaos.simulation.house import House
from tests.chaos.simulation.machine import Machine, Weather
from tests.chaos.simulation.memory_world import world_of
from tests.chaos.simulation.operators import Operators
from tests.chaos.simulation.surroundings import (
    all_chance_from,
    counts_since,
    counts_so_far,
    no_collector,
    quiet_polls,
)
from tests.chaos.simulation.weather import BadCode, Poison, swarm
from tests.chaos.world import Recovery, World

STUCK_SECONDS = 400.0
STEPS_MAX = 30_000
"""Of the calm: twenty times what a run takes."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a seed. `seconds` are the processor's, so that others on the machine do not count."""

    seed: int
    violations: Sequence[Violation]
    steps: int
    streams: int
    trace: int
    injected: Mapping[str, int]
    seconds: float
    virtual_seconds: float

    def __str__(self) -> str:
        verdict = "ok" if not self.violations else f"{len(self.violations)} VIOLATIONS"
        return (
            f"seed {self.seed}: {verdict}, {self.streams} streams, {self.steps} steps,"
            f" {sum(self.injected.values())} faults, trace {self.trace:08x}, {self.seconds:.3f} s"
        )


def run(seed: int, weather: Weather | None = None) -> Result:
    """Simulate and check, in the seed's own weather or a given one."""
    began = process_time()
    simulation, world = simulate(seed, weather)
    machine = simulation.machine
    violations = list(check(world))
    violations += [Violation("P12", "a part died", what) for what in machine.broken]
    streams = sum(len(service.streams) for service in world.services.values())
    spent, virtual = process_time() - began, machine.loop.time()
    injected = dict(machine.injected)
    return Result(seed, violations, machine.steps, streams, machine.trace, injected, spent, virtual)


def simulate(seed: int, weather: Weather | None = None) -> "tuple[Simulation, World]":
    """The run and what it left behind."""
    with all_chance_from(seed), quiet_polls(), no_collector():
        simulation = Simulation(seed, weather)
        try:
            world = simulation.machine.loop.run_until_complete(simulation.run())
        finally:
            simulation.close()
    return simulation, world


class Simulation:
    """One run."""

    def __init__(self, seed: int, weather: Weather | None) -> None:
        chance = random.Random(f"weather {seed}")  # noqa: S311 - it is the point that it can be foretold
        self.machine = Machine(seed, replace(weather) if weather else swarm(chance))
        self.poison, self.bad_code = Poison(self.machine), BadCode(self.machine)
        self.house = House(self.machine, self.poison.spoil, self.bad_code.around)
        self.poison.log = self.house.log
        self.history = History()
        self.clients = Clients(self.house, self.history)
        self.operators = Operators(self.house, self.poison.places)
        self._caught_up_after: float | None = None
        self._calm_since = 0.0

    async def run(self) -> World:
        """Storm, calm, silence."""
        machine, before = self.machine, counts_so_far()
        self.house.start()
        self.clients.start()
        background = [
            machine.loop.create_task(self.house.supervise()),
            machine.loop.create_task(self._move_the_clock()),
            machine.loop.create_task(self._servers_go_down()),
        ]
        await machine.pause(machine.chance.uniform(8, 25))
        for task in background[1:]:
            task.cancel()
        await self._calm()
        quiet_after = await self._until_quiet()
        recovery = Recovery(self._caught_up_after, quiet_after, self._lag())
        counts = counts_since(before)
        return world_of(
            self.house, self.history.entries, recovery, frozenset(self.poison.places), counts
        )

    def close(self) -> None:
        """Whatever still runs is dropped where it stands."""
        for replica in self.house.replicas.values():
            replica.process.alive = False
        loop = self.machine.loop
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        self.machine.weather = Weather()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=5))
        loop.close()

    async def _calm(self) -> None:
        """No new faults. Who is frozen thaws in its own time, and the last fault ends with that."""
        machine = self.machine
        machine.weather = Weather()
        self.bad_code.failing.clear()
        thawed = [replica.process.frozen_until for replica in self.house.replicas.values()]
        thawed += [database.away_until for database in self.house.databases.values()]
        thawed.append(self.house.log.away_until)
        await machine.pause(max(0.0, *(at - machine.loop.time() for at in thawed)))
        self._calm_since = machine.loop.time()

    async def _move_the_clock(self) -> None:
        """On by hours, or to just before a deadline; never while a mail or a call is under way."""
        machine = self.machine
        while True:
            await machine.pause(machine.chance.uniform(1, 8))
            if self._in_flight() or not machine.happens(machine.weather.clock_jump):
                continue
            machine.injected["jumps of the clock"] += 1
            due = [
                row["due_at"]
                for service in ("intake", "complaints")
                for row in self.house.databases[service].tables.get("scheduled", {}).values()
                if row["due_at"] > machine.now()
            ]
            if due and machine.chance.random() < 0.5:
                wanted = min(due) - timedelta(seconds=machine.chance.uniform(0, 0.05))
                machine.move_clock(max(wanted - machine.now(), timedelta()))
            else:
                machine.move_clock(timedelta(hours=machine.chance.uniform(0, 20)))
            self.house.wake()

    async def _servers_go_down(self) -> None:
        """A database restarts and takes every session along; the broker answers nobody."""
        machine = self.machine
        while True:
            await machine.pause(machine.chance.uniform(1, 8))
            if machine.inject("database restarts", machine.weather.database_restarts):
                name = machine.chance.choice(list(self.house.databases))
                seconds = machine.chance.uniform(0, 6)
                self.house.databases[name].restart(seconds)
                machine.interrupts(name, seconds)
            if machine.inject("kafka away", machine.weather.kafka_away):
                self.house.log.away_until = machine.loop.time() + machine.chance.uniform(0, 8)

    async def _until_quiet(self) -> float | None:
        """Seconds since the calm began; None if something goes on for ever."""
        machine = self.machine
        steps_max = machine.steps + STEPS_MAX
        while machine.loop.time() - self._calm_since < STUCK_SECONDS and machine.steps < steps_max:
            await machine.pause(0.5)
            caught_up = not self._outboxes() and not self._lag()
            if caught_up and self._caught_up_after is None:
                self._caught_up_after = machine.loop.time() - self._calm_since
            if not caught_up or self._in_flight() or not self.clients.done or self.operators.mend():
                continue
            due = self._next_due()
            if due is None:
                return machine.loop.time() - self._calm_since
            if due > machine.now():
                machine.move_clock(due - machine.now())
                self.house.wake()
        return None

    def _next_due(self) -> datetime | None:
        rows = [
            row
            for database in self.house.databases.values()
            for row in database.tables.get("scheduled", {}).values()
        ]
        leased = [row["lease_until"] for row in rows if row["lease_until"]]
        return min([*(row["due_at"] for row in rows), *leased], default=None)

    def _in_flight(self) -> bool:
        return bool(self.house.mail.busy or self.house.platform.busy)

    def _outboxes(self) -> int:
        return sum(len(each.tables.get("outbox", {})) for each in self.house.databases.values())

    def _lag(self) -> dict[tuple[str, str, int], int]:
        """What was neither committed to the broker nor taken in with its offset stored."""
        found = {}
        for name, group in self.house.log.groups.items():
            stored = self.house.databases[name.partition(".")[0]].tables.get("offsets", {})
            for place, records in self.house.log.partitions.items():
                if place[0] in group.topics and records:
                    row = stored.get((name, *place))
                    reached = max(group.committed.get(place, 0), row["next"] if row else 0)
                    if reached < len(records):
                        found[name, *place] = len(records) - reached
        return found
