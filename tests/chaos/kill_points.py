"""`make chaos PROOF=kill-points`: the process dies at every named point, in every service that passes it.

One system, one point after the other: the service is started with the point set, a handful of requests goes on to its
end, the process has died there and was started again without, and the checker finds nothing. POINTS="before_claim
after_claim" kills at those alone.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from shared.operations.kill_points import DIED_AT, VARIABLE, Point
from shared.operations.stack import SERVICES
from tests.chaos.checker import check
from tests.chaos.drivers.client import Client, front_door
from tests.chaos.drivers.driver import Driver, Worker
from tests.chaos.drivers.everybody import everybody
from tests.chaos.faults import mail_server, platform
from tests.chaos.harness import ChaosSystem, chaos_system
from tests.chaos.processes import environment, last_code, runs
from tests.chaos.proxied_stack import Route
from tests.chaos.real_world import read_world
from tests.chaos.recovery import until_quiet
from tests.chaos.trouble import Trouble

BY_HTTP = ("intake", "review", "complaints")
WITH_CALENDAR = ("intake", "complaints")
HEARING = ("intake", "review", "provisioning", "notifier")
WITH_DUE_WORK = ("intake", "complaints", "provisioning", "notifier")
ACTING = ("provisioning", "notifier")
PASSED_IN: Mapping[Point, tuple[str, ...]] = {
    "before_append_of_command": BY_HTTP,
    "after_append_of_command": BY_HTTP,
    "before_commit_of_command": WITH_CALENDAR,
    "after_commit_of_command": WITH_CALENDAR,
    "before_append_of_batch": HEARING,
    "after_append_of_batch": HEARING,
    "before_commit_of_batch": HEARING,
    "after_commit_of_batch": HEARING,
    "before_append_of_due_work": WITH_DUE_WORK,
    "after_append_of_due_work": WITH_DUE_WORK,
    "before_commit_of_due_work": WITH_DUE_WORK,
    "after_commit_of_due_work": WITH_DUE_WORK,
    "before_commit_of_copies": HEARING,
    "after_commit_of_copies": HEARING,
    "before_publish": SERVICES,
    "after_publish": SERVICES,
    "before_outbox_delete": SERVICES,
    "after_outbox_delete": SERVICES,
    "before_offset_commit": HEARING,
    "after_offset_commit": HEARING,
    "before_own_offset_commit": SERVICES,
    "after_own_offset_commit": SERVICES,
    "before_claim": WITH_DUE_WORK,
    "after_claim": WITH_DUE_WORK,
    "before_effect": ACTING,
    "after_effect": ACTING,
    "before_postponement": ACTING,
    "after_postponement": ACTING,
}
"""complaints hears nothing yet; review has no due work; only platform and mail are effects."""

_KILLED = "tests/integration/messaging/test_killed_in_between.py"
BY_TEST: Mapping[Point, str] = {
    **dict.fromkeys(
        (
            "before_append_of_recovered", "after_append_of_recovered", "before_commit_of_recovered",
            "after_commit_of_recovered", "before_noting_recovered", "after_noting_recovered",
        ),
        f"{_KILLED}::test_a_recovery_killed_anywhere_is_finished_by_the_next_start",
    ),
    **dict.fromkeys(
        ("before_commit_of_parked", "after_commit_of_parked"),
        f"{_KILLED}::test_a_held_record_that_is_being_parked_is_parked_by_the_next_start",
    ),
}  # fmt: skip
"""No request leads there, but a restored database, and a held record that the database refuses: tests kill there."""

AWAY: Mapping[str, tuple[Route, Callable[[], Trouble]]] = {
    "provisioning": (("provisioning", "cloud_platform"), platform.busy),
    "notifier": (("notifier", "smtp"), mail_server.busy),
}
"""An effect is postponed when who should act says: later."""

ROUNDS_MAX, RESTART_SECONDS_MAX, POINT_WIDTH = 4, 60.0, 28
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Case:
    """The process of this service dies when it reaches the point."""

    point: Point
    service: str

    @property
    def trouble(self) -> tuple[Route, Callable[[], Trouble]] | None:
        """What has to be wrong for it to get there."""
        return AWAY[self.service] if self.point.endswith("postponement") else None


def cases() -> Iterator[Case]:
    """All of them, not a sample."""
    for point, services in PASSED_IN.items():
        yield from (Case(point, service) for service in services)


@dataclass(slots=True)
class Handful:
    """The same few things of every driver each time, in turn, all together and each to its end."""

    workers: Mapping[Driver, Sequence[Worker]]
    turn: int = 0

    async def run(self) -> None:
        """Once."""
        self.turn += 1
        each = (driver.handful(those, self.turn) for driver, those in self.workers.items())
        await asyncio.gather(*chain.from_iterable(each))


async def prove(keep: Path, say: Say) -> int:
    """How many cases failed."""
    chosen = os.environ.get("POINTS", "").split()
    began, failed = time.monotonic(), 0
    every = [case for case in cases() if not chosen or case.point in chosen]
    async with chaos_system(keep, say) as system, front_door(system) as door:
        _, workers = await everybody(
            lambda name: Client(name, system, door, random.Random(name))  # noqa: S311 - to be repeated
        )
        handful = Handful(workers)
        say(
            f"{'point':<{POINT_WIDTH}}{'service':<14}{'died after':>10}{'caught up':>11}  violations"
        )
        for case in every:
            line, broken = await _prove(system, handful, case)
            failed += bool(broken)
            say("\n".join([line, *(f"    {each}" for each in broken)]))
        minutes = (time.monotonic() - began) / 60
        say(
            f"{len(every)} cases of {len(PASSED_IN)} points, {failed} failed, {minutes:.0f} minutes"
        )
        say("\n".join(f"{point:<{POINT_WIDTH}}by {test}" for point, test in BY_TEST.items()))
        if failed:
            message = f"{failed} cases failed"
            raise NotProved(message)
    return failed


class NotProved(Exception):  # noqa: N818 - the end of a proof
    """How many cases failed; history and logs are saved."""


async def _prove(system: ChaosSystem, handful: Handful, case: Case) -> tuple[str, list[str]]:
    began, broken = time.monotonic(), list[str]()
    with system.interruptions.lasting(case.service):
        armed = await _restarted(system, case)
    died = asyncio.create_task(_until_dead(system, case, armed))
    for _ in range(ROUNDS_MAX):
        await handful.run()
        if died.done():
            break
    broken += _wrong_end(system, case) if died.done() else ["never reached"]
    seconds = f"{died.result() - began:.1f} s" if died.done() else "-"
    died.cancel()
    await system.until_up(case.service)
    if died.done() and VARIABLE.encode() in environment(system.pid(case.service)):
        broken.append("started again with the kill point")
    recovery = await until_quiet(system, lambda: False)
    violations = check(await read_world(system, recovery))
    broken += map(str, violations)
    caught_up = "never" if recovery.caught_up_after is None else f"{recovery.caught_up_after:.1f} s"
    line = f"{case.point:<{POINT_WIDTH}}{case.service:<14}{seconds:>10}{caught_up:>11}  {len(violations)}"
    return line, broken


async def _until_dead(system: ChaosSystem, case: Case, armed: int) -> float:
    """When it died; until then there is the trouble that it takes to get it there."""
    async with AsyncExitStack() as stack:
        if case.trouble:
            route, make = case.trouble
            await stack.enter_async_context(system.troubled(route, make()))
        while runs(armed):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.01)
    died = time.monotonic()
    with system.interruptions.lasting(case.service):
        while system.pid(case.service) == armed:  # noqa: ASYNC110 - a supervisor tells nobody
            await asyncio.sleep(0.01)
    return died


def _wrong_end(system: ChaosSystem, case: Case) -> Iterator[str]:
    """It was killed, and at the point: no other death counts."""
    if (code := last_code(system.said, case.service)) != -signal.SIGKILL:
        yield f"ended with code {code}"
    if f"{DIED_AT}{case.point}\n" not in _log(system, case):
        yield "died elsewhere"


def _log(system: ChaosSystem, case: Case) -> str:
    return system.places.log(case.service).read_text(encoding="utf-8", errors="replace")


async def _restarted(system: ChaosSystem, case: Case) -> int:
    """Its process that knows the point; asked to stop, it leaves its groups, and nobody waits for it."""
    await system.until_up(case.service)
    before = system.pid(case.service)
    system.stack.kill_at[case.service] = case.point
    system.signal(case.service, signal.SIGTERM)
    async with asyncio.timeout(RESTART_SECONDS_MAX):
        while True:
            armed = system.pid(case.service)
            if armed != before and case.point.encode() in environment(armed):
                return armed
            await asyncio.sleep(0.02)
