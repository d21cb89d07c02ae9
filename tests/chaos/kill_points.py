"""`make chaos PROOF=kill-points`: the process dies at every named point, in every service that passes it.

One system, one point after the other: the service is started with the point set, a handful of requests goes on to its
end, the process has died there and was started again without, and the checker finds nothing.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.operations.kill_points import POINTS, VARIABLE, Point
from shared.operations.stack import SERVICES
from tests.chaos.checker import check
from tests.chaos.drivers.client import Client, front_door
from tests.chaos.drivers.complaints import Complainants
from tests.chaos.drivers.requests import Agencies, approved, completed, confirmed
from tests.chaos.harness import ChaosSystem, chaos_system
from tests.chaos.real_world import read_world
from tests.chaos.recovery import until_quiet

HEARING = ("intake", "review", "provisioning", "notifier")
ACTING = ("provisioning", "notifier")
WITH_DUE_WORK = ("intake", "complaints", "provisioning", "notifier")
PASSED_IN: Mapping[Point, tuple[str, ...]] = {
    "before_append": SERVICES,
    "after_append": SERVICES,
    "before_commit": SERVICES,
    "after_commit": SERVICES,
    "before_publish": SERVICES,
    "after_publish": SERVICES,
    "before_outbox_delete": SERVICES,
    "after_outbox_delete": SERVICES,
    "before_offset_commit": HEARING,
    "after_offset_commit": HEARING,
    "after_claim": WITH_DUE_WORK,
    "before_effect": ACTING,
    "after_effect": ACTING,
}
"""complaints hears nothing yet; review has no due work; only platform and mail are effects."""

SEVERAL_PLACES = ("before_append", "after_append", "before_commit", "after_commit")
"""Passed by HTTP commands, batches, copies and due work: also the third time, which is another of them."""

ROUNDS_MAX, RESTART_SECONDS_MAX = 4, 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Case:
    """The process of this service dies when it reaches the point for the n-th time."""

    point: Point
    service: str
    times: int

    @property
    def told(self) -> str:
        return f"{self.point}:{self.times}"


def cases() -> Iterator[Case]:
    """All of them, not a sample."""
    unknown = set(POINTS) ^ PASSED_IN.keys()
    assert not unknown, f"points without their services: {unknown}"
    for point in POINTS:
        for service in PASSED_IN[point]:
            yield from (
                Case(point, service, n) for n in ((1, 3) if point in SEVERAL_PLACES else (1,))
            )


@dataclass(slots=True)
class Handful:
    """The same few requests and complaints each time, for agencies in turn, every one to its end."""

    offices: list[Agencies]
    complainants: Complainants
    turn: int = 0

    async def run(self) -> None:
        """Approved, completed, late, complained of; together."""
        self.turn += 1
        first, second, third = (
            each.agencies[self.turn % len(each.agencies)] for each in self.offices
        )
        await asyncio.gather(
            self.offices[0].one(first, confirmed),
            self.offices[1].one(second, completed),
            self.offices[2].one(third, approved, late=True),
            self.complainants.one(),
            self.complainants.one(late=True),
        )


async def prove(keep: Path, say: Say) -> int:
    """How many cases failed."""
    began, failed, every = time.monotonic(), 0, tuple(cases())
    async with chaos_system(keep, say) as system, front_door(system) as door:
        clients = [
            Client(f"office-{n}", system, door, random.Random(n))  # noqa: S311 - to be repeated
            for n in range(4)
        ]
        agencies = await clients[0].look("/api/agencies", {})
        offices = [Agencies(each, agencies[n::3]) for n, each in enumerate(clients[:3])]
        handful = Handful(offices, Complainants(clients[3]))
        say(f"{'point':<24}{'service':<14}{'died after':>10}{'caught up':>11}  violations")
        for case in every:
            line, broken = await _prove(system, handful, case)
            failed += bool(broken)
            say("\n".join([line, *(f"    {each}" for each in broken)]))
        minutes = (time.monotonic() - began) / 60
        say(f"{len(every)} cases of {len(POINTS)} points, {failed} failed, {minutes:.0f} minutes")
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
    died = None
    for _ in range(ROUNDS_MAX):
        with system.interruptions.lasting(case.service):
            await handful.run()
        if system.pid(case.service) != armed:
            died = time.monotonic() - began
            break
    else:
        broken.append("never reached")
    await system.until_up(case.service)
    if died is not None and VARIABLE.encode() in _environment(system.pid(case.service)):
        broken.append("started again with the kill point")
    recovery = await until_quiet(system, lambda: False)
    violations = check(await read_world(system, recovery))
    broken += map(str, violations)
    seconds = "-" if died is None else f"{died:.1f} s"
    caught_up = "never" if recovery.caught_up_after is None else f"{recovery.caught_up_after:.1f} s"
    line = f"{case.told:<24}{case.service:<14}{seconds:>10}{caught_up:>11}  {len(violations)}"
    return line, broken


async def _restarted(system: ChaosSystem, case: Case) -> int:
    """Its process that knows the point; asked to stop, it leaves its groups, and nobody waits for it."""
    await system.until_up(case.service)
    before = system.pid(case.service)
    system.stack.kill_at[case.service] = case.told
    system.signal(case.service, signal.SIGTERM)
    async with asyncio.timeout(RESTART_SECONDS_MAX):
        while True:
            armed = system.pid(case.service)
            if armed != before and case.told.encode() in _environment(armed):
                return armed
            await asyncio.sleep(0.02)


def _environment(pid: int) -> bytes:
    """What it was started with; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
