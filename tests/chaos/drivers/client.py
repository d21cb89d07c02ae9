"""One client at the front door: it asks under a key until it is told yes or no, and writes down all of it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from deploy.local.identity import access_token
from tests.chaos.harness import ChaosSystem
from tests.chaos.history import Entry, Kind

ANSWER_SECONDS_MAX = 20.0
TRIES_AFTER_STOP_MAX = 60
ASKED_AGAIN_SHARE = 0.15

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that changes something: its name in the history, and the request that is sent each time."""

    operation: str
    content: Json
    path: str
    how: Json


@dataclass(slots=True)
class Client:
    """A person with a name; `chance` decides everything it chooses. `troubles` counts answers that nobody may see."""

    name: str
    system: ChaosSystem
    door: httpx2.AsyncClient
    chance: random.Random
    troubles: Counter[str] = field(default_factory=Counter)
    _tokens: dict[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """Never used before, the same in every run of this seed."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    async def officer(self, role: str) -> dict[str, str]:
        """What an officer shows."""
        if role not in self._tokens:
            issuer = self.system.places.url("identity")
            self._tokens[role] = await asyncio.to_thread(access_token, issuer, role)
        return {"Authorization": f"Bearer {self._tokens[role]}"}

    async def pause(self, most: float) -> None:
        await asyncio.sleep(self.chance.uniform(0.1, most))

    async def change(self, asked: Asked, keep: Iterable[str]) -> Json | None:
        """The answer, once there is one: a whole yes; None for a no, or when nobody answers after the end of the run.

        Now and then it is asked again although it was answered: the answer has to be the same.
        """
        key, keep, left = self.key(), tuple(keep), TRIES_AFTER_STOP_MAX
        headers = {"Idempotency-Key": key, **asked.how.get("headers", {})}
        sent = {**asked.how, "headers": headers}
        told: Json | None = None
        while left:
            left -= self.system.stopping.is_set()
            self._write("invoke", asked.operation, key, asked.content)
            answer = await self._try("POST", asked.path, sent)
            if answer is None or answer.is_server_error or answer.status_code == 429:
                self._write("unknown", asked.operation, key, {"status": _status(answer)})
                await asyncio.sleep(0.5)
                continue
            if not answer.is_success:
                refused = {"status": answer.status_code, "code": answer.json().get("code")}
                self._write("fail", asked.operation, key, refused)
                return None
            told = dict(answer.json())
            self._write("ok", asked.operation, key, {name: told[name] for name in keep})
            if self.chance.random() > ASKED_AGAIN_SHARE:
                break
        return told

    async def look(self, path: str, headers: Json) -> Any:  # noqa: ANN401 - JSON
        """What stands there, once somebody answers; None when nobody does after the end of the run, or for a no."""
        left = TRIES_AFTER_STOP_MAX
        while left:
            left -= self.system.stopping.is_set()
            answer = await self._try("GET", path, {"headers": headers})
            if answer is not None and answer.is_success:
                return answer.json()
            if answer is not None and answer.is_client_error:
                return None
            await asyncio.sleep(0.5)
        return None

    async def _try(self, method: str, path: str, how: Json) -> httpx2.Response | None:
        """None if the connection broke or nobody answered."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answer = await self.door.request(method, path, **how)
        except (httpx2.TransportError, TimeoutError):
            return None
        if answer.is_server_error and answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            self.troubles[f"{method} {path.rpartition('/')[0]}: {answer.status_code}"] += 1
        return answer

    def _write(self, kind: Kind, operation: str, key: str, content: Json) -> None:
        self.system.history.write(Entry(time.time(), self.name, kind, operation, key, content))


def _status(answer: httpx2.Response | None) -> int | None:
    return None if answer is None else answer.status_code


@asynccontextmanager
async def front_door(system: ChaosSystem) -> AsyncIterator[httpx2.AsyncClient]:
    """Everybody comes through it."""
    limits = httpx2.Limits(max_connections=40, max_keepalive_connections=10)
    async with httpx2.AsyncClient(
        base_url=system.front_door, timeout=ANSWER_SECONDS_MAX, limits=limits, trust_env=False
    ) as door:
        yield door
