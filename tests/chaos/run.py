"""One run: clients work, faults strike, all has to become quiet by itself, and the checker looks at what is left."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx2

from tests.chaos.checker import Violation, check
from tests.chaos.drivers.client import Client, front_door
from tests.chaos.drivers.everybody import everybody
from tests.chaos.drivers.readers import Stranger
from tests.chaos.fault import Fault
from tests.chaos.faults import disk_full
from tests.chaos.harness import ChaosSystem, chaos_system
from tests.chaos.outcomes import Outcome, this_program
from tests.chaos.real_world import read_world
from tests.chaos.recovery import WORLD_AWAY, until_quiet
from tests.chaos.schedule import schedule
from tests.chaos.world import Recovery, World

LANES = 2
WARM_UP_SECONDS = 4.0
LAST_ANSWERS_SECONDS_MAX = 150.0

Say = Callable[[str], None]


class Broken(Exception):  # noqa: N818 - an outcome on its way out of the system that is to be saved
    """Promises were broken."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{len(outcome.violations)} violations")
        self.outcome = outcome


async def run(seed: int, minutes: float, keep: Path, say: Say) -> Outcome:
    """A system of its own, for so many minutes of faults, and the look at what is left."""
    began = time.monotonic()

    def tell(line: str) -> None:
        say(f"[{time.monotonic() - began:6.1f}] {line}")

    tell(f"seed {seed}, {minutes:g} minutes")
    try:
        async with chaos_system(keep, tell) as system, front_door(system) as door:
            tell("the system is up")
            outcome = await _run(system, door, seed, minutes, tell)
    except Broken as broken:
        outcome = broken.outcome
        lines = "\n".join(map(str, outcome.violations))
        (keep / "violations.txt").write_text(f"{lines}\n", encoding="utf-8")
    outcome.figures["seconds"] = round(time.monotonic() - began)
    return outcome


async def _run(
    system: ChaosSystem, door: httpx2.AsyncClient, seed: int, minutes: float, say: Say
) -> Outcome:
    outcome, stranger = (
        Outcome(seed, minutes, program=this_program()),
        Stranger(system.stack.kafka.bootstrap),
    )
    reading = asyncio.create_task(stranger.run())
    clients, working = await _work(system, door, seed)
    try:
        await asyncio.sleep(WARM_UP_SECONDS)
        faults, until = schedule(seed), time.monotonic() + minutes * 60
        lanes = [_strike(system, faults, until, outcome, say) for _ in range(LANES)]
        await asyncio.gather(*lanes)
        say("the last fault has ended")
        system.stopping.set()
        recovery, _ = await asyncio.gather(
            until_quiet(system, lambda: any(not task.done() for task in working)),
            asyncio.wait(working, timeout=LAST_ANSWERS_SECONDS_MAX),
        )
        world = await read_world(system, recovery)
        await _until_read(stranger, world)
    finally:
        for task in (reading, *working):
            task.cancel()
        ended = await asyncio.gather(reading, *working, return_exceptions=True)
    outcome.violations = [*check(world), *stranger.check(world.records), *_crashed(ended)]
    outcome.figures |= _figures(world, recovery, clients)
    if not system.small_disks:
        outcome.impossible = [*disk_full.KINDS]
        outcome.figures["not possible here"] = "disk full: nobody lets us mount small disks"
    if outcome.violations:
        raise Broken(outcome)
    return outcome


async def _work(
    system: ChaosSystem, door: httpx2.AsyncClient, seed: int
) -> tuple[list[Client], list[asyncio.Task[None]]]:
    def make(name: str) -> Client:
        return Client(name, system, door, random.Random(f"{name} of {seed}"))  # noqa: S311 - to be repeated

    clients, workers = await everybody(make)
    work = [each.run() for those in workers.values() for each in those]
    return clients, [asyncio.create_task(each) for each in work]


async def _strike(
    system: ChaosSystem, faults: Iterator[Fault], until: float, outcome: Outcome, say: Say
) -> None:
    """One fault after the other, with a breath between them."""
    while time.monotonic() < until:
        fault = next(faults)
        say(f"{fault.kind}: {fault.what}")
        try:
            hits = await fault.strike(system)
        except WORLD_AWAY as error:
            say(f"  {fault.kind} did not get through: {error!r}"[:160])
            hits = 0
        (outcome.injected if hits else outcome.missed)[fault.kind] += 1
        await asyncio.sleep(random.uniform(0.3, 4.0))  # noqa: S311 - when, no seed can say


async def _until_read(stranger: Stranger, world: World) -> None:
    """A plain consumer needs a moment too."""
    for _ in range(100):
        if not any(each.promise == "P12" for each in stranger.check(world.records)):
            return
        await asyncio.sleep(0.3)


def _crashed(ended: Sequence[BaseException | None]) -> Iterator[Violation]:
    """A client that meets an answer it does not understand: the harness or the product is at fault."""
    for error in ended:
        if isinstance(error, Exception):
            yield Violation("P1", f"a client failed: {error!r}")


def _figures(world: World, recovery: Recovery, clients: Sequence[Client]) -> dict[str, object]:
    kinds = Counter(entry.kind for entry in world.history)
    troubles = sum((client.troubles for client in clients), Counter[str]())
    return {
        "answers": {kind: kinds[kind] for kind in ("ok", "fail", "unknown")},
        "events": sum(len(each) for s in world.services.values() for each in s.streams.values()),
        "records": len(world.records),
        "mails": len(world.mails),
        "blocked": sum(len(service.blocked) for service in world.services.values()),
        "caught up after": recovery.caught_up_after and round(recovery.caught_up_after, 1),
        "quiet after": recovery.quiet_after and round(recovery.quiet_after, 1),
        "answers 5xx other than 503": dict(troubles),
    }
