"""`python -m deploy.local [up]`: the whole system on this machine. `python -m deploy.local token <officer>`."""

import argparse
import asyncio
import fcntl
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import asyncpg
import httpx2
from aiokafka.errors import KafkaError

from deploy.local.children import NotStarted, let_earlier_run_end
from deploy.local.facts import Reader
from deploy.local.identity import access_token
from deploy.local.places import NAMES, Places, find_places
from deploy.local.sample import Journey, StepMissing
from deploy.local.stack import ROLES, LocalStack, remove
from shared.event_sourcing.migrations import ChangedMigration
from shared.operations.stack import SERVICES, local_root

BEGAN = time.monotonic()
FIRST_PORTS = range(1024, 65_536 - len(NAMES))
SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXPECTED = (NotStarted, StepMissing, ChangedMigration, OSError, asyncpg.PostgresError,
            asyncpg.InterfaceError, KafkaError, httpx2.HTTPError)  # fmt: skip


class Failed(Exception):  # noqa: N818 - told to the person at the terminal as it is
    """A step did not happen; the last line of its message says which and why."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Whatever goes wrong inside is told as this step's failure."""
    try:
        yield
    except Exception as error:
        lines = (str(error) or type(error).__name__).splitlines()
        if not isinstance(error, EXPECTED):
            lines = [repr(error), *traceback.format_exc().splitlines()]
        raise Failed("\n".join([*lines[1:], f"FAILED: {name}: {lines[0]}"])) from error


def say(text: str) -> None:
    """A line for the person at the terminal, as soon as it is true."""
    for row in text.splitlines():
        sys.stdout.write(f"[{time.monotonic() - BEGAN:6.1f}] {row}\n")
    sys.stdout.flush()


def main() -> None:
    """Exit code 0: all steps happened. 1: one did not, and the last line says which and why."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser(
        "up", help="start everything (default); ONCE=1 FRESH=1 CLOCK_SHIFT='-3 days' PORTS=18000"
    )
    token = commands.add_parser("token", help="print an access token of a demo officer")
    token.add_argument("officer", choices=ROLES)
    arguments = parser.parse_args()
    try:
        if arguments.command == "token":
            with step("token"):
                sys.stdout.write(access_token(_issuer(), arguments.officer) + "\n")
        else:
            up()
    except Failed as failed:
        if arguments.command == "token":
            sys.exit(str(failed))
        say(str(failed))
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


def _issuer() -> str:
    endpoints = local_root() / "endpoints.json"
    if not endpoints.exists():
        message = f"{endpoints} is not there: start the system with `make run` first"
        raise NotStarted(message)
    return str(json.loads(endpoints.read_text(encoding="utf-8"))["identity"])


def up() -> None:
    """Start, run the sample, stay; stop everything on the way out. The first signal asks to stop."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    with step("preparation"):
        lock, places = _prepare(local_root())
    say("starting; the first time downloads Kafka (44 MB)")
    stack = LocalStack(places, say, os.environ.get("CLOCK_SHIFT", ""))
    try:
        with step("start"):
            stack.start()
        asyncio.run(_live(places, stack))
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        say("stopping")
        stack.stop()
        lock.close()


def _prepare(root: Path) -> tuple[TextIO, Places]:
    """The directory is ours, nobody of an earlier run is left, and no file says that a system runs here."""
    first_port = _first_port()
    root.mkdir(parents=True, exist_ok=True)
    lock = _lock(root)
    (root / "endpoints.json").unlink(missing_ok=True)
    mark = "DATACLOUD_STARTED_BELOW"
    let_earlier_run_end(f"{mark}={root}", "the system")
    os.environ[mark] = str(root)  # every child inherits it
    if _wanted("FRESH"):
        remove(root)
    return lock, find_places(root, first_port)


def _first_port() -> int | None:
    wanted = os.environ.get("PORTS", "")
    if wanted and not (wanted.isdecimal() and int(wanted) in FIRST_PORTS):
        message = f"PORTS={wanted}: name the first of the ports, such as PORTS=18000"
        raise NotStarted(message)
    return int(wanted) if wanted else None


async def _live(places: Places, stack: LocalStack) -> None:
    """The sample request, then every further fact, as one reader sees them from before the first to Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it is running
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    journey, reader = Journey(places, say), Reader(stack.kafka.bootstrap)
    reading = None
    try:
        with step("sample request"):
            await reader.start()
            reading = asyncio.create_task(reader.run(journey.seen))
            await journey.run()
        _print_addresses(places, stack)
        if not _wanted("ONCE"):
            say("the system stays up; Ctrl-C stops it")
            with step("reading the topics"), suppress(asyncio.CancelledError):
                await reading
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await reader.stop()


def _print_addresses(places: Places, stack: LocalStack) -> None:
    say(f"front door      {places.url('front_door')}")
    for name in SERVICES:
        say(f"{name:<15} {places.url(name)}   database {stack.postgres.dsn(name, name)}")
    say(f"kafka           {stack.kafka.bootstrap}")
    say(f"smtp            127.0.0.1:{places.ports['smtp']}   mails in {places.mailbox}")
    say(f"identity        {places.url('identity')}   officers: {', '.join(ROLES)}")
    say(f"cloud platform  {places.url('cloud_platform')}/v2   token in {places.platform_token}")
    say(f"letters         {places.letters}")
    say(f"logs            {places.root / 'log'}")
    say(f"all of it       {places.endpoints}")


def _lock(root: Path) -> TextIO:
    """One system per directory; the lock ends with the process, however it ends, and names it."""
    lock = (root.parent / f"{root.name}.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        who = lock.read().strip() or "unknown"
        message = f"a system is running on {root} already (process {who}): use it, or stop it first"
        raise NotStarted(message) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _wanted(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0", "no", "false")


if __name__ == "__main__":
    main()
