"""Each of the five services: from its start to ready, and what it holds in memory after some work."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from deploy.local.children import free_port, listens, spawn, stop, wait_until
from deploy.local.places import find_places
from deploy.local.stack import LocalStack, answers
from shared.operations.stack import ROOT, SERVICES
from tests.benchmarks.measure import Row, resident_mebibytes
from tests.support.system import System, people

LETTERS, STARTS = 30, 3


def rows(directory: Path) -> list[Row]:
    """Two rows of the table, each the worst of the five."""
    stack = LocalStack(find_places(directory), lambda _: None)
    try:
        stack.start()
        starts = {name: median(_starts(stack, name)) for name in SERVICES}
        asyncio.run(_work(System(directory)))
        memory = {name: resident_mebibytes(stack.supervisor.pids()[name]) for name in SERVICES}
    finally:
        stack.stop()
    started, held = "start of a service, alone, to ready", f"memory after {LETTERS} letters"
    return [
        Row(started, max(starts.values()), "s", 3, "at most", _each(starts)),
        Row(
            f"{held}, resident",
            max(memory.values()),
            "MiB",
            120,
            "at most",
            f"{_each(memory)} (flat over 1 M facts: not part of this)",
        ),
    ]


def _each(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in values.items())


def _starts(stack: LocalStack, name: str) -> Iterator[float]:
    """A second process of the service beside the first, which is idle."""
    for _ in range(STARTS):
        port, log = free_port(), stack.places.log(f"{name}.again")
        environment = stack.environment(name) | {"DATACLOUD_HTTP_PORT": str(port)}
        began = time.perf_counter()
        command = [sys.executable, "-m", f"services.{name}"]
        child = spawn(command, log, environment=environment, directory=ROOT)
        ready = f"http://127.0.0.1:{port}/health/ready"
        wait_until(lambda: listens(port, child.pid) and answers(ready), child, name, log, 30)  # noqa: B023 - called at once
        yield time.perf_counter() - began
        stop(child, signal.SIGTERM, 10)


async def _work(system: System) -> None:
    """Letters of as many agencies, all the way to their confirmation."""
    async with people(system) as present:
        agencies = (await present.door.get("/api/agencies")).json()[:LETTERS]
        receipts = [(await present.submit(agency)).json() for agency in agencies]
        for receipt in receipts:
            await present.decide(receipt["request_id"])
        for receipt in receipts:
            await present.until_status(receipt, "confirmed")
