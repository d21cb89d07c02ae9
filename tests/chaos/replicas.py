"""`make chaos PROOF=replicas`: three processes of one service say 200 facts a second while they are killed at random.

MINUTES=5 of it, with SEED. Every id is on the topic, first appearances in the order of ce_sequence per key without a
hole; one leader at a time, as the database notes of every deletion from the outbox whose session did it and whether it
led; a leader frozen for longer than its session lives wakes and does no harm. The service is the smallest one there is
(tests/support/ledger.py) with the product's own store and relay, so that the pace is theirs: forms, letters and HTTP of
the real services were not driven at 200 a second here.
"""

import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.relay import _SESSION, Relay
from tests.chaos.kill_points import NotProved
from tests.chaos.leadership import note_acts, read_acts, wrong_with_acts
from tests.chaos.replica_group import REPLICAS, Figures, Replicas, Watch
from tests.chaos.speaker import Told
from tests.chaos.topic_order import read_said, wrong_with
from tests.support.bus import bus
from tests.support.ledger import DEFINITION, Ledger, count, ledger
from tests.support.servers import Databases, embedded_databases, embedded_kafka

FACTS_PER_SECOND, PACE_EACH = 200.0, 170.0
SESSION_SECONDS = float(_SESSION["idle_session_timeout"].removesuffix("s"))
FROZEN_SECONDS, AWAKE_SECONDS, BETWEEN_FREEZES_SECONDS = SESSION_SECONDS + 6, 6.0, 12.0
LOOKS_PER_SECOND_MIN = 5.0
FIRST_FACTS_SECONDS_MAX, DRAIN_SECONDS_MAX = 60.0, 60.0
Say = Callable[[str], None]


async def prove(keep: Path, say: Say) -> int:
    """How much went wrong."""
    minutes, seed = float(os.environ.get("MINUTES") or 5), int(os.environ.get("SEED") or 1)
    root = Path(tempfile.mkdtemp(prefix="datacloud-replicas-"))
    try:
        with ExitStack() as stack:
            databases = await asyncio.to_thread(stack.enter_context, embedded_databases(root))
            bootstrap = await asyncio.to_thread(stack.enter_context, embedded_kafka(root))
            figures, wrong = await _prove(databases, bootstrap, root, Chance(minutes, seed, say))
        say("\n".join([*figures.table(), *wrong]))
        if wrong:
            _keep(root / "log", keep)
            message = f"{len(wrong)} findings: logs are in {keep}"
            raise NotProved(message)
    finally:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
    say(f"{minutes:g} minutes, 0 findings")
    return 0


@dataclass(frozen=True, slots=True)
class Chance:
    """How long, by which dice, and who is told."""

    minutes: float
    seed: int
    say: Say


def _keep(log: Path, keep: Path) -> None:
    shutil.rmtree(keep, ignore_errors=True)
    shutil.copytree(log, keep)


async def _prove(
    databases: Databases, bootstrap: str, root: Path, chance: Chance
) -> tuple[Figures, list[str]]:
    dsn = await asyncio.to_thread(databases.make, "complaints")
    name, figures = dsn.rsplit("/", 1)[1], Figures()
    owner, admin = (databases.dsn(name, who) for who in ("complaints_owner", databases.admin))
    async with bus(bootstrap) as topic, ledger(dsn, owner) as unit:
        await note_acts(owner)
        told = Told(dsn, bootstrap, topic.topic, PACE_EACH, root / "answered")
        watch = Watch(admin, figures)
        watching = asyncio.create_task(watch.run())
        try:
            with Replicas(told, root / "log", figures) as replicas:
                await _until(lambda: count(unit.pool, "events"), FIRST_FACTS_SECONDS_MAX)
                striking = asyncio.create_task(_strike(replicas, watch, chance))
                await asyncio.wait({striking, watching}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    striking.cancel()
                    await asyncio.gather(striking, return_exceptions=True)
                    watching.result()  # who leads is not known any more: whatever it was, it ends the proof
                await striking
            await _drain(unit, told)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        acts = await read_acts(owner)
        said = await read_said(unit.pool, bootstrap, topic.topic, told.answered)
    figures.facts, figures.records = len(said.stored), len(said.records)
    figures.acts = len(acts)
    return figures, [
        *figures.wrong, *wrong_with(said), *wrong_with_acts(acts), *too_few(figures),
    ]  # fmt: skip


async def _strike(replicas: Replicas, watch: Watch, chance: Chance) -> None:
    """Freezes, one after the other, and kills all the time, but not of who is frozen or has just woken."""
    dice = random.Random(chance.seed)  # noqa: S311 - to be repeated
    freezing = asyncio.create_task(_freeze_leaders(replicas, watch, chance))
    began = time.monotonic()
    while time.monotonic() - began < chance.minutes * 60 or replicas.spared is not None:
        victims = [n for n in range(REPLICAS) if n != replicas.spared]
        replicas.kill(dice.choice(victims), watch.leader)
        await asyncio.sleep(dice.uniform(1.0, 4.5))
        if freezing.done():
            freezing.result()
    freezing.cancel()
    replicas.figures.seconds = time.monotonic() - began


async def _freeze_leaders(replicas: Replicas, watch: Watch, chance: Chance) -> None:
    """Whoever leads is stopped for longer than its session lives, wakes, and is watched."""
    while True:
        await asyncio.sleep(BETWEEN_FREEZES_SECONDS)
        await _until(lambda: _leads(watch), FIRST_FACTS_SECONDS_MAX)
        replicas.spared = frozen = watch.leader
        assert frozen is not None
        began = time.monotonic()
        replicas.signal(frozen, signal.SIGSTOP)
        chance.say(f"replica {frozen} leads and is frozen")
        await asyncio.sleep(FROZEN_SECONDS)
        others = {who for at, who in watch.changes if at > began} - {None, frozen}
        if not others:
            replicas.figures.wrong.append(f"nobody took over from replica {frozen}")
        replicas.signal(frozen, signal.SIGCONT)
        chance.say(f"replica {frozen} wakes; meanwhile {sorted(map(str, others))} led")
        await asyncio.sleep(AWAKE_SECONDS)
        if not replicas.lives(frozen):
            replicas.figures.wrong.append(f"replica {frozen} ended by itself after it woke")
        replicas.figures.freezes += 1
        replicas.spared = None


async def _leads(watch: Watch) -> bool:
    return watch.leader is not None


async def _until(condition: Callable[[], Awaitable[object]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for does not call back
            await asyncio.sleep(0.05)


async def _drain(unit: Ledger, told: Told) -> None:
    """All three are dead; the next process says what they left."""
    relay = Relay(told.dsn, told.bootstrap, "ledger", UnitOfWork(unit.pool, DEFINITION).wakeups)
    relaying = asyncio.create_task(relay.run())

    async def empty() -> bool:
        if relaying.done():
            relaying.result()
        return await count(unit.pool, "outbox") == 0

    try:
        await _until(empty, DRAIN_SECONDS_MAX)
    except TimeoutError as error:
        message = f"{await count(unit.pool, 'outbox')} facts are still unsaid"
        raise NotProved(message) from error
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)


def too_few(figures: Figures) -> Iterator[str]:
    """What has to have happened, or nothing was proved."""
    if not figures.freezes:
        yield "no leader was frozen"
    if not figures.kills_of_leaders:
        yield "no leader was killed"
    if figures.looks < LOOKS_PER_SECOND_MIN * figures.seconds:
        yield f"only {figures.looks} looks at who leads"
    if not figures.acts:
        yield "nobody took anything out of the outbox"
    if figures.rate < FACTS_PER_SECOND:
        yield f"only {figures.rate:.0f} facts a second: this machine is too busy to prove it"
