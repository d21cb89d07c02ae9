"""The main job once: a sample letter goes in, an officer approves, a confirmation letter comes out."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson

from deploy.local.children import NotStarted
from deploy.local.identity import access_token
from deploy.local.places import Places
from shared.messaging.in_words import in_words
from shared.messaging.trace import Line
from shared.working_time.days import local_date

STEP_SECONDS_MAX = 60.0
AGAIN_SECONDS = 0.2
LETTERS = Path(__file__).parent / "sample"
LAST = ("datacloud.confirmation_sent.v1", "datacloud.request_closed.v1")


class StepMissing(Exception):  # noqa: N818 - told to the person at the terminal as it is
    """A step of the journey did not happen in time."""


class Journey:
    """One request from letter to confirmation; whoever reads the topics tells it each fact by `seen`."""

    def __init__(self, places: Places, say: Callable[[str], None]) -> None:
        self._places, self._say = places, say
        self._number = ""
        self._facts: set[tuple[str, object]] = set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Returns after ConfirmationSent and RequestClosed were seen; raises StepMissing."""
        address = self._places.url("front_door")
        async with httpx2.AsyncClient(base_url=address, timeout=30) as door:
            request_id = await self._submit(door)
            await self._approve(door, request_id)
        for fact_type in LAST:
            await self._wait_for(fact_type)
        self._show_letter()

    def seen(self, fact: Line) -> None:
        """Shown as it comes, whosever request it is about."""
        self._say(in_words(fact))
        self._facts.add((fact.type, fact.value.get("registration_number")))
        self._news.set()

    async def _submit(self, door: httpx2.AsyncClient) -> str:
        """For the next agency without an account; when all have one, the first replaces its administrator."""
        async with _within("the agencies were not told"):
            agencies = (await self._ask(door, "GET", "/api/agencies")).json()
        attempts = [(agency, "open_account") for agency in agencies]
        attempts += [(agencies[0], "replace_administrator")]
        for agency, kind in attempts:
            async with _within(f"the sample request of {agency['name']} was not answered"):
                answer = await self._ask(door, "POST", "/api/requests", **_parts(agency, kind))
            if answer.status_code == httpx2.codes.CREATED:
                receipt = answer.json()
                self._number = receipt["registration_number"]
                self._say(
                    f"{agency['name']}: {self._number} diterima, selesai paling lambat {receipt['due_on']};"
                    f" pantau di {receipt['status_url']} dengan kode {receipt['tracking_code']}"
                )
                return str(receipt["request_id"])
            if answer.status_code != httpx2.codes.CONFLICT:
                raise _refused("the sample request", answer)
        message = "every agency has an open request: finish one, or start empty with FRESH=1"
        raise StepMissing(message)

    async def _approve(self, door: httpx2.AsyncClient, request_id: str) -> None:
        async with _within("the identity provider gave no token to the reviewer"):
            officer = {"Authorization": f"Bearer {await self._token('reviewer')}"}
        async with _within(f"{self._number} did not appear in the reviewers' queue"):
            found = await self._queued(door, officer, request_id)
        async with _within(f"the approval of {self._number} was not answered"):
            answer = await self._ask(
                door,
                "POST",
                f"/api/reviews/{request_id}/decision",
                json={"outcome": "approved", "reason": None, "seen_version": found["version"]},
                headers=officer | {"Idempotency-Key": str(uuid4())},
            )
        if answer.status_code != httpx2.codes.OK:
            raise _refused("the approval", answer)

    async def _token(self, officer: str) -> str:
        issuer = self._places.url("identity")
        while True:
            try:
                return await asyncio.to_thread(access_token, issuer, officer)
            except NotStarted:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _ask(
        self,
        door: httpx2.AsyncClient,
        method: str,
        path: str,
        **how: Any,  # noqa: ANN401 - httpx2's own
    ) -> httpx2.Response:
        """A service that is away (503, a broken connection) is asked the same again, as long as the step may take."""
        told = False
        while True:
            try:
                answer = await door.request(method, path, **how)
                if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                    return answer
                trouble = answer.text[:500]
            except httpx2.TransportError as error:
                trouble = repr(error)
            if not told:
                self._say(f"{method} {path} is asked again: {trouble}")
                told = True
            await asyncio.sleep(AGAIN_SECONDS)

    async def _queued(
        self, door: httpx2.AsyncClient, officer: dict[str, str], request_id: str
    ) -> dict[str, Any]:
        """The case, as soon as it is in the queue."""
        while True:
            asked = {"params": {"state": "open"}, "headers": officer}
            answer = await self._ask(door, "GET", "/api/reviews", **asked)
            if answer.status_code != httpx2.codes.OK:
                raise _refused("the look into the reviewers' queue", answer)
            for case in answer.json():
                if case["request_id"] == request_id:
                    return dict(case)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _wait_for(self, fact_type: str) -> None:
        async with _within(f"{fact_type} of {self._number} was not seen on the topics"):
            while (fact_type, self._number) not in self._facts:
                self._news.clear()
                await self._news.wait()

    def _show_letter(self) -> None:
        """The mail as it arrived, and the letter taken out of it."""
        for path in sorted(self._places.mailbox.glob("*.eml"), reverse=True):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            attached = list(message.iter_attachments())
            if self._number in str(message["Subject"]) and attached:
                letter = self._places.letters / f"{self._number}.pdf"
                letter.write_bytes(bytes(attached[0].get_content()))
                self._say(f"mail:   {path}\nletter: {letter}")
                return
        missing = (
            f"no mail with the confirmation letter of {self._number} in {self._places.mailbox}"
        )
        raise StepMissing(missing)


def _refused(what: str, answer: httpx2.Response) -> StepMissing:
    return StepMissing(f"{what} was refused: {answer.status_code} {answer.text[:500]}")


@asynccontextmanager
async def _within(otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(STEP_SECONDS_MAX):
            yield
    except TimeoutError:
        message = f"{otherwise} within {STEP_SECONDS_MAX:.0f} s"
        raise StepMissing(message) from None


def _parts(agency: dict[str, str], kind: str) -> dict[str, Any]:
    """What httpx2 is told for a submission; asked again it is the same request."""

    def letter(name: str) -> tuple[str, bytes, str]:
        return name, (LETTERS / name).read_bytes(), "application/pdf"

    return {
        "headers": {"Idempotency-Key": str(uuid4())},
        "files": {
            "request": ("request.json", orjson.dumps(_form(agency, kind)), "application/json"),
            "letter": letter("surat-permintaan.pdf"),
            "appointment": letter("surat-penunjukan.pdf"),
        },
    }


def _form(agency: dict[str, str], kind: str) -> dict[str, object]:
    return {
        "agency_code": agency["code"],
        "kind": kind,
        "letter_number": "000.8/17/UMUM",
        "letter_date": local_date(datetime.now(UTC)).isoformat(),
        "contact_email": f"sekretariat@{agency['email_domain']}",
        "administrator": {
            "kind": "person",
            "name": "Siti Rahmawati",
            "nip": "198703142010012004",
            "position": "Pranata Komputer Ahli Muda",
            "email": f"siti.rahmawati@{agency['email_domain']}",
            "phone": "+62 812 5555 0117",
        },
    }
