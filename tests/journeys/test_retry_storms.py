"""Servers that are away are asked again calmly, by processes that live on and say how they are (P5, P12)."""

import asyncio
import json
import random
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from shared.operations.stack import SERVICES
from tests.chaos.checker import check
from tests.chaos.drivers.client import Client, front_door
from tests.chaos.drivers.requests import Agencies, confirmed
from tests.chaos.faults.duplicates import Copies
from tests.chaos.harness import ChaosSystem, chaos_system
from tests.chaos.real_world import read_world
from tests.chaos.recovery import until_quiet
from tests.chaos.rolling import LOOKED_AT
from tests.chaos.trouble import Trouble

AWAY_SECONDS, SETTLING_SECONDS = 60.0, 10.0
CALLS_PER_SECOND_MAX = 5.0
GROWTH_MEGABYTES_MAX = 8.0
NOTICED_SECONDS_MAX = 40.0
BETWEEN_CALLS_SECONDS = 1.0
PATIENT_ANSWERS = {"200", "404", "503 with Retry-After"}
"""What needs no database is answered; whatever does is told to come again."""
LIVE, READY = "/health/live", "/health/ready"
BLOCKED = "select count(*) from blocked"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[ChaosSystem]:
    """A system of each case's own, a proxy on every way."""
    async with chaos_system(tmp_path / "kept", lambda _: None) as running:
        yield running


def asked(system: ChaosSystem, service: str, path: str) -> tuple[int, dict[str, str]]:
    """What a service says of its health."""
    try:
        with urllib.request.urlopen(system.places.url(service) + path, timeout=10) as answer:  # noqa: S310 - loopback, ours
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def until_ready(system: ChaosSystem, service: str, **said: str) -> None:
    """Until it says 200 and this."""
    async with asyncio.timeout(NOTICED_SECONDS_MAX):
        while True:
            code, answer = await asyncio.to_thread(asked, system, service, READY)
            if code == 200 and said.items() <= answer.items():
                return
            await asyncio.sleep(0.5)


def megabytes(system: ChaosSystem, service: str) -> float:
    """Of memory that its process holds."""
    status = Path(f"/proc/{system.pid(service)}/status").read_text(encoding="utf-8")
    (line,) = (each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def one_request(system: ChaosSystem) -> None:
    async with front_door(system) as door:
        office = Client("office", system, door, random.Random(1))  # noqa: S311 - to be repeated
        agencies = Agencies(office, await office.look("/api/agencies", {}))
        assert await agencies.one(agencies.agencies[0], confirmed)


async def calling(door: httpx2.AsyncClient, answers: Counter[str]) -> None:
    """Somebody asks every service for something, again and again, as people do who wait."""
    while True:
        for path in LOOKED_AT.values():
            answer = await door.get(path)
            waits = answer.headers.get("retry-after", "").isdecimal()
            answers[f"{answer.status_code}{' with Retry-After' if waits else ''}"] += 1
        await asyncio.sleep(BETWEEN_CALLS_SECONDS)


async def watched(system: ChaosSystem, troubles: dict[str, Trouble], began: float) -> None:
    """A minute without PostgreSQL, while records come in and people ask: from its first second on calls are counted."""
    await asyncio.sleep(SETTLING_SECONDS)
    assert await Copies(records=20, times=3).strike(system)
    before = {name: megabytes(system, name) for name in SERVICES}
    while time.monotonic() - began < AWAY_SECONDS:
        for name in SERVICES:
            live, _ = await asyncio.to_thread(asked, system, name, LIVE)
            ready, answer = await asyncio.to_thread(asked, system, name, READY)
            assert (live, ready, answer["database"]) == (200, 503, "away"), name
        await asyncio.sleep(10)
    seconds = time.monotonic() - began
    for name, size in before.items():
        rate, growth = troubles[name].hits / seconds, megabytes(system, name) - size
        print(f"{name}: {rate:.1f} calls a second, {growth:+.1f} MB of {size:.0f}")  # noqa: T201 - the measurement
        assert 0 < rate < CALLS_PER_SECOND_MAX, name
        assert growth < GROWTH_MEGABYTES_MAX, name


async def test_a_minute_without_postgres_is_waited_out_calmly_by_all_five(rig: ChaosSystem) -> None:
    await one_request(rig)
    pids = {name: rig.pid(name) for name in SERVICES}
    troubles, answers = {name: Trouble(refuse=True) for name in SERVICES}, Counter[str]()
    async with AsyncExitStack() as stack:
        stack.enter_context(rig.interruptions.lasting(("notifier", "postgres")))
        for name, trouble in troubles.items():
            await stack.enter_async_context(rig.troubled((name, "postgres"), trouble))
        began, door = time.monotonic(), await stack.enter_async_context(front_door(rig))
        people = asyncio.create_task(calling(door, answers))
        try:
            await watched(rig, troubles, began)
        finally:
            people.cancel()
            ended = await asyncio.gather(people, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError), ended
    assert answers.keys() <= PATIENT_ANSWERS, answers
    for name in SERVICES:
        await until_ready(rig, name, database="ok")
    assert {name: rig.pid(name) for name in SERVICES} == pids, "nobody was started again"
    for name in SERVICES:
        connection = await rig.admin(name)
        assert await connection.fetchval(BLOCKED) == 0, name
        await connection.close()
    recovery = await until_quiet(rig, lambda: False)
    assert check(await read_world(rig, recovery)) == []


async def test_cut_off_from_kafka_a_service_is_ready_and_degraded(rig: ChaosSystem) -> None:
    await until_ready(rig, "review", status="ok")
    pid = rig.pid("review")
    for trouble in (Trouble(refuse=True), Trouble(silent=True)):
        async with rig.troubled(("review", "kafka"), trouble):
            await until_ready(rig, "review", status="degraded", kafka="kafka_away")
            live, _ = await asyncio.to_thread(asked, rig, "review", LIVE)
            assert live == 200
            await until_ready(rig, "intake", status="ok")
        await until_ready(rig, "review", status="ok")
    assert rig.pid("review") == pid
    await one_request(rig)
