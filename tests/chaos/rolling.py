"""`make chaos PROOF=rolling`: every service is asked to stop under load, again and again, and nobody notices.

ROUNDS=50 restarts in all, in turn. At the front door no error is seen but 503 with Retry-After; each stop takes ten
seconds at most and ends with code 0; afterwards the checker finds nothing lost and nothing done twice.
"""

import asyncio
import os
import random
import re
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from shared.operations.stack import SERVICES
from tests.chaos.checker import check
from tests.chaos.drivers.client import ANSWER_SECONDS_MAX, Client
from tests.chaos.drivers.everybody import everybody
from tests.chaos.harness import ChaosSystem, chaos_system
from tests.chaos.kill_points import NotProved
from tests.chaos.processes import last_code, runs
from tests.chaos.real_world import read_world
from tests.chaos.recovery import until_quiet

STOP_SECONDS_MAX, GONE_SECONDS_MAX, LAST_ANSWERS_SECONDS_MAX = 10.0, 60.0, 150.0
LOOKED_AT = {
    "intake": "/api/agencies", "review": "/kajian", "provisioning": "/api/accounts/none", "complaints": "/pengaduan",
    "notifier": "/surat",
}  # fmt: skip
"""What anybody may ask each service for, all the time; a 404 is an answer as well."""

PAUSE_SECONDS, IDLE_SECONDS_MAX = 0.1, 2.0
Say = Callable[[str], None]


@dataclass(slots=True)
class Demanding(Client):
    """A client that counts every answer, and puts up with nothing but an answer or 503 with Retry-After."""

    answers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    async def _try(
        self, method: str, path: str, how: Mapping[str, object]
    ) -> httpx2.Response | None:
        """As any client, but nothing is passed over."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await self.door.request(method, path, **how)  # type: ignore[arg-type]  # as the client's
        except (httpx2.TransportError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1
            self.errors.append(f"{method} {path}: {error!r}")
            return None
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            if not answer.headers.get("retry-after", "").isdecimal():
                self.errors.append(f"{method} {path}: 503 without Retry-After")
        elif answer.is_server_error:
            self.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    async def keep_looking(self, path: str) -> None:
        """Until the run ends."""
        while not self.system.stopping.is_set():
            await self._try("GET", path, {})
            await asyncio.sleep(PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a process ended that was asked to."""

    service: str
    seconds: float
    code: int | None
    away_seconds: float

    def wrong(self) -> str | None:
        if self.seconds > STOP_SECONDS_MAX:
            return f"{self.service} took {self.seconds:.1f} s to stop"
        return None if self.code == 0 else f"{self.service} ended with code {self.code}"


async def prove(keep: Path, say: Say) -> int:
    """How much went wrong."""
    rounds = int(os.environ.get("ROUNDS") or 50)
    async with chaos_system(keep, say) as system, _front_door(system) as door:
        clients, working = await _work(system, door)
        try:
            stops = [await _restart(system, SERVICES[n % 5], n, say) for n in range(rounds)]
            system.stopping.set()
            recovery, _ = await asyncio.gather(
                until_quiet(system, lambda: any(not task.done() for task in working)),
                asyncio.wait(working, timeout=LAST_ANSWERS_SECONDS_MAX),
            )
        finally:
            for task in working:
                task.cancel()
            ended = await asyncio.gather(*working, return_exceptions=True)
        wrong = [each for stop in stops if (each := stop.wrong())]
        wrong += [f"{client.name}: {each}" for client in clients for each in client.errors]
        wrong += [f"a client failed: {each!r}" for each in ended if isinstance(each, Exception)]
        wrong += map(str, check(await read_world(system, recovery)))
        say("\n".join([*_table(stops), *_figures(system, clients), *wrong]))
        if wrong:
            message = f"{rounds} restarts, {len(wrong)} findings"
            raise NotProved(message)
    say(f"{rounds} restarts, 0 findings")
    return 0


def _front_door(system: ChaosSystem) -> httpx2.AsyncClient:
    """Connections are given up before the front door does (5 s), as no client can tell its end from an error."""
    limits = httpx2.Limits(max_connections=40, keepalive_expiry=IDLE_SECONDS_MAX)
    return httpx2.AsyncClient(
        base_url=system.front_door, timeout=ANSWER_SECONDS_MAX, limits=limits, trust_env=False
    )


async def _work(
    system: ChaosSystem, door: httpx2.AsyncClient
) -> tuple[Sequence[Demanding], list[asyncio.Task[None]]]:
    def make(name: str) -> Demanding:
        return Demanding(name, system, door, random.Random(name))  # noqa: S311 - to be repeated

    clients, workers = await everybody(make)
    lookers = [make(f"looker-{service}") for service in SERVICES]
    work = [
        *(each.run() for those in workers.values() for each in those),
        *(
            client.keep_looking(LOOKED_AT[service])
            for client, service in zip(lookers, SERVICES, strict=True)
        ),
    ]
    clients += lookers
    return clients, [asyncio.create_task(each) for each in work]


async def _restart(system: ChaosSystem, service: str, number: int, say: Say) -> Stopped:
    """Asked to stop while it works; over when it serves again and has worked for a while."""
    await asyncio.sleep(random.uniform(0.3, 1.5))  # noqa: S311 - in the middle of whatever it does
    pid, began = system.pid(service), time.monotonic()
    assert system.signal(service, signal.SIGTERM)
    async with asyncio.timeout(GONE_SECONDS_MAX):
        while runs(pid):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.01)
        stopped = time.monotonic()
        while system.pid(service) == pid:  # noqa: ASYNC110 - a supervisor tells nobody
            await asyncio.sleep(0.05)
        await system.until_up(service)
    stop = Stopped(
        service, stopped - began, last_code(system.said, service), time.monotonic() - stopped
    )
    line = f"stopped in {stop.seconds:>5.2f} s, up again in {stop.away_seconds:>5.2f} s"
    say(f"{number + 1:>3} {service:<14}{line}")
    return stop


def _table(stops: Sequence[Stopped]) -> Iterator[str]:
    by_service = defaultdict[str, list[Stopped]](list)
    for stop in stops:
        by_service[stop.service].append(stop)
    yield f"\n{'service':<14}{'restarts':>9}{'longest stop':>14}{'longest away':>14}"
    for service, each in by_service.items():
        longest, away = max(s.seconds for s in each), max(s.away_seconds for s in each)
        yield f"{service:<14}{len(each):>9}{longest:>12.2f} s{away:>12.2f} s"


def _figures(system: ChaosSystem, clients: Sequence[Demanding]) -> Iterator[str]:
    answers = sum((client.answers for client in clients), Counter[str]())
    kinds = Counter(entry.kind for entry in system.history.entries)
    yield f"\n{'answer':<24}times"
    yield from (f"{name:<24}{times}" for name, times in sorted(answers.items()))
    for service in SERVICES:
        log = system.places.log(service).read_text(encoding="utf-8", errors="replace")
        for part, times in Counter(re.findall(r'"part_left_behind","part":"(\w+)"', log)).items():
            yield f"{service}: {part} was left behind {times} times when it stopped"
    yield f"changes: {', '.join(f'{kind} {kinds[kind]}' for kind in ('ok', 'fail', 'unknown'))}"
