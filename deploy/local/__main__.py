"""`python -m deploy.local [up]`: the whole system on this machine. `python -m deploy.local token <officer>`."""

import argparse
import asyncio
import fcntl
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from deploy.local.children import NotStarted
from deploy.local.facts import Reader, in_words
from deploy.local.identity import access_token
from deploy.local.places import Places, find_places
from deploy.local.sample import Journey, StepMissing
from deploy.local.stack import ROLES, LocalStack, remove
from shared.messaging.trace import Line
from shared.operations.stack import ROOT, SERVICES

BEGAN = time.monotonic()
FIRST_PORTS = range(1024, 65_000)


def say(text: str) -> None:
    """A line for the person at the terminal, as soon as it is true."""
    for row in text.splitlines():
        sys.stdout.write(f"[{time.monotonic() - BEGAN:6.1f}] {row}\n")
    sys.stdout.flush()


def main() -> None:
    """Exit code 0: all steps happened. 1: one did not, and the last line says which."""
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
            print_token(arguments.officer)
        else:
            up()
    except (NotStarted, StepMissing) as error:
        say(f"FAILED: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def print_token(officer: str) -> None:
    """For trying the API by hand."""
    endpoints = _root() / "endpoints.json"
    if not endpoints.exists():
        message = f"{endpoints} is not there: start the system with `make run` first"
        raise NotStarted(message)
    issuer = json.loads(endpoints.read_text(encoding="utf-8"))["identity"]
    sys.stdout.write(access_token(issuer, officer) + "\n")


def up() -> None:
    """Start, run the sample, stay; stop everything on the way out."""
    root = _root()
    root.mkdir(parents=True, exist_ok=True)
    lock = _lock(root)
    if _wanted("FRESH"):
        remove(root)
    say("starting; the first time downloads Kafka (44 MB)")
    stopping = _stop_on_signals()
    places = find_places(root, _first_port())
    stack = LocalStack(places, say, os.environ.get("CLOCK_SHIFT", ""))
    try:
        stack.start()
        asyncio.run(Journey(places, stack.kafka.bootstrap, say).run())
        _print_addresses(places, stack)
        if not _wanted("ONCE"):
            say("the system stays up; Ctrl-C stops it")
            asyncio.run(_follow(stack.kafka.bootstrap, stopping))
    finally:
        say("stopping")
        stack.stop()
        lock.close()


def _first_port() -> int | None:
    wanted = os.environ.get("PORTS", "")
    if wanted and not (wanted.isdecimal() and int(wanted) in FIRST_PORTS):
        message = f"PORTS={wanted}: name the first of the ports, such as PORTS=18000"
        raise NotStarted(message)
    return int(wanted) if wanted else None


def _stop_on_signals() -> threading.Event:
    """The first signal asks to stop; during the start it interrupts."""
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


async def _follow(bootstrap: str, stopping: threading.Event) -> None:
    """Every further fact, live."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    reader = Reader(bootstrap)
    await reader.start()

    async def seen(fact: Line) -> None:
        say(in_words(fact))

    reading = asyncio.create_task(reader.run(seen))
    await ended.wait()
    stopping.set()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


def _print_addresses(places: Places, stack: LocalStack) -> None:
    say(f"front door      {places.url('front_door')}")
    for name in SERVICES:
        say(f"{name:<15} {places.url(name)}   database {stack.postgres.dsn(name, name)}")
    say(f"kafka           {stack.kafka.bootstrap}")
    say(f"identity        {places.url('identity')}   officers: {', '.join(ROLES)}")
    say(f"cloud platform  {places.url('cloud_platform')}/v2   token in {places.platform_token}")
    say(f"mailbox         {places.mailbox}")
    say(f"logs            {places.root / 'log'}")
    say(f"all of it       {places.endpoints}")


def _root() -> Path:
    return Path(os.environ.get("DATACLOUD_LOCAL", ROOT / "var" / "local"))


def _lock(root: Path) -> TextIO:
    """One system per directory; the lock ends with the process, however it ends."""
    lock = (root.parent / f"{root.name}.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        message = f"a system is running on {root} already: use it, or stop it first"
        raise NotStarted(message) from None
    return lock


def _wanted(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0", "no", "false")


if __name__ == "__main__":
    main()
