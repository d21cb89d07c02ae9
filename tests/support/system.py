"""The whole system as `make run` starts it, and people who use it by HTTP and mail alone."""

import asyncio
import email
import email.policy
import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx2
import orjson

from deploy.local.identity import access_token
from deploy.local.places import find_places
from deploy.local.stack import LocalStack
from tests.support.pdf import plain_pdf

WAIT_SECONDS = 60.0
RequestKind = Literal["open_account", "replace_administrator"]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """A running system; `endpoints` is what `endpoints.json` says at this moment."""

    root: Path

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "endpoints.json").read_text("utf-8"))
        return found

    async def kill(self, *names: str) -> None:
        """As the kernel would: no warning, no last words. One that is down already is killed when it is up again."""
        for name in names:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self._killed(name):  # noqa: ASYNC110 - a process tells nobody
                    await asyncio.sleep(0.1)

    def _killed(self, name: str) -> bool:
        try:
            os.kill(self.endpoints["pids"][name], signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def counted(self, service: str, metric: str, label: str) -> float:
        """The sum of a service's samples of this metric that have this label."""
        address = self.endpoints["metrics"][service]
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback, ours
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.split()[-1])
            for line in lines
            if line.startswith(metric + "{") and label in line
        )

    def token(self, officer: str) -> str:
        return access_token(self.endpoints["identity"], officer)

    def mails(self) -> list[EmailMessage]:
        """Everything in the mailbox, in the order it came."""
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(Path(self.endpoints["mailbox"]).glob("*.eml"))
        ]

    def accounts(self, agency_code: str | None = None) -> list[dict[str, Any]]:
        """Users of the cloud platform, all or of one agency's group, as it tells them itself."""
        platform = self.endpoints["cloud_platform"]
        users = _scim(platform, "/Users?count=1000")
        if agency_code is None:
            return users
        groups = [g for g in _scim(platform, "/Groups?count=1000") if agency_code in json.dumps(g)]
        members = {member["value"] for group in groups for member in group.get("members", [])}
        return [user for user in users if user["id"] in members]


def _scim(platform: Json, path: str) -> list[dict[str, Any]]:
    asked = urllib.request.Request(  # noqa: S310 - loopback, ours
        platform["url"] + path, headers={"Authorization": f"Bearer {platform['token']}"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - loopback, ours
        found: list[dict[str, Any]] = json.load(answer).get("Resources", [])
    return found


@contextmanager
def running_system(root: Path) -> Iterator[System]:
    """Started and ready; stopped, with nothing left behind, when the block ends."""
    root.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    stack = LocalStack(find_places(root), said.append)
    try:
        stack.start()
        yield System(root)
    finally:
        stack.stop()


class People:
    """A PD, its officers and complainants at the front door; each waits `patience` seconds for what it wants to see.

    `troubles` are the answers 5xx and the broken connections they met: none where nothing was killed.
    """

    def __init__(
        self, system: System, door: httpx2.AsyncClient, patience: float = WAIT_SECONDS
    ) -> None:
        self.system, self.door, self.patience = system, door, patience
        self.troubles: Counter[str] = Counter()
        self._tokens: dict[str, str] = {}

    def officer(self, role: str) -> dict[str, str]:
        if role not in self._tokens:
            self._tokens[role] = self.system.token(role)
        return {"Authorization": f"Bearer {self._tokens[role]}"}

    async def patiently(self, method: str, path: str, **how: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own
        """The answer of a service that may be away: 503 and broken connections are asked again, the same request."""
        async with asyncio.timeout(self.patience):
            while True:
                try:
                    answer = await self.door.request(method, path, **how)
                except httpx2.TransportError as error:
                    self.troubles[f"{method} {path}: {type(error).__name__}"] += 1
                else:
                    if answer.is_server_error:
                        self.troubles[f"{method} {path}: {answer.status_code}"] += 1
                    if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                        return answer
                await asyncio.sleep(0.2)

    async def submit(
        self,
        agency: Json,
        kind: RequestKind = "open_account",
        *,
        key: str | None = None,
        officer: str | None = None,
        form: Json | None = None,
        letter: bytes | None = None,
    ) -> httpx2.Response:
        """A letter with its form; the same key is the same request."""
        content = form if form is not None else request_form(agency, kind)
        return await self.patiently(
            "POST",
            "/api/requests",
            headers={
                "Idempotency-Key": key or str(uuid4()),
                **(self.officer(officer) if officer else {}),
            },
            files=parts(content, letter),
        )

    async def case(self, request_id: str) -> Json:
        """The request in the reviewers' queue, as soon as it is there."""
        async with asyncio.timeout(self.patience):
            while True:
                queue = (
                    await self.patiently("GET", "/api/reviews", headers=self.officer("reviewer"))
                ).json()
                for case in queue:
                    if case["request_id"] == request_id:
                        return dict(case)
                await asyncio.sleep(0.2)

    async def decide(
        self, request_id: str, outcome: str = "approved", reason: str | None = None
    ) -> httpx2.Response:
        """The reviewer's decision on the case as it stands in the queue."""
        case = await self.case(request_id)
        return await self.patiently(
            "POST",
            f"/api/reviews/{request_id}/decision",
            headers=self.officer("reviewer") | {"Idempotency-Key": str(uuid4())},
            json={"outcome": outcome, "reason": reason, "seen_version": case["version"]},
        )

    async def status(self, receipt: Json) -> dict[str, Any]:
        """What the PD sees with its tracking code."""
        answer = await self.patiently(
            "GET",
            f"/api/requests/{receipt['request_id']}",
            headers={"Tracking-Code": receipt["tracking_code"]},
        )
        assert answer.status_code == httpx2.codes.OK, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def until_status(self, receipt: Json, status: str) -> dict[str, Any]:
        """The request's status page once it says so; fails with what has happened to it until then."""
        deadline = asyncio.get_running_loop().time() + self.patience
        while (shown := await self.status(receipt))["status"] != status:
            late = asyncio.get_running_loop().time() > deadline
            assert not late, f"not {status} after {self.patience:.0f} s: {json.dumps(shown)}"
            await asyncio.sleep(0.2)
        return shown

    async def until_mail(self, matches: Callable[[EmailMessage], bool]) -> EmailMessage:
        """The first such mail, once it is in the mailbox."""
        async with asyncio.timeout(self.patience):
            while True:
                for mail in await asyncio.to_thread(self.system.mails):
                    if matches(mail):
                        return mail
                await asyncio.sleep(0.2)


@asynccontextmanager
async def people(system: System, patience: float = WAIT_SECONDS) -> AsyncIterator[People]:
    """Everybody comes through the front door."""
    limits = httpx2.Limits(max_connections=40)
    async with httpx2.AsyncClient(
        base_url=system.endpoints["front_door"], timeout=30, limits=limits
    ) as door:
        yield People(system, door, patience)


def request_form(agency: Json, kind: RequestKind = "open_account") -> dict[str, Any]:
    """A form as a PD fills it in."""
    domain = agency["email_domain"]
    return {
        "agency_code": agency["code"],
        "kind": kind,
        "letter_number": "000.8/17/UMUM",
        "letter_date": "2026-11-20",
        "contact_email": f"sekretariat@{domain}",
        "administrator": {
            "kind": "person",
            "name": "Budi Hartono Wijaya",
            "nip": "198504172009011003",
            "position": "Pranata Komputer Penyelia",
            "email": f"budi.hartono@{domain}",
            "phone": "+62 812 7654 3210",
        },
    }


PERSONAL = (
    "Budi",
    "Hartono",
    "198504172009011003",
    "Penyelia",
    "sekretariat@",
    "budi.hartono",
    *(mark.join(("812", "7654", "3210")) for mark in ("", " ", "-", ".")),
)


def parts(form: Json, letter: bytes | None = None) -> dict[str, tuple[str, bytes, str]]:
    """The parts of a multipart submission."""
    return {
        "request": ("request.json", orjson.dumps(form), "application/json"),
        "letter": ("surat.pdf", plain_pdf() if letter is None else letter, "application/pdf"),
    }
