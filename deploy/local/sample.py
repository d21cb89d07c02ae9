"""The main job once: a sample letter goes in, an officer approves, a confirmation letter comes out."""

import asyncio
import email
import email.policy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx2
import orjson

from deploy.local.facts import Reader, in_words
from deploy.local.identity import access_token
from deploy.local.places import Places
from shared.messaging.trace import Line
from shared.working_time.days import local_date

STEP_SECONDS_MAX = 60.0
LETTERS = Path(__file__).parent / "sample"
LAST = ("datacloud.confirmation_sent.v1", "datacloud.request_closed.v1")


class StepMissing(Exception):  # noqa: N818 - told to the person at the terminal as it is
    """A step of the journey did not happen in time."""


class Journey:
    """One request from letter to confirmation, watched on the topics."""

    def __init__(self, places: Places, bootstrap: str, say: Callable[[str], None]) -> None:
        self._places, self._say = places, say
        self._reader = Reader(bootstrap)
        self._number = ""
        self._facts: list[Line] = []
        self._seen = asyncio.Event()

    async def run(self) -> None:
        """Returns after ConfirmationSent and RequestClosed were seen; raises StepMissing."""
        await self._reader.start()
        reading = asyncio.create_task(self._reader.run(self._on_fact))
        try:
            async with httpx2.AsyncClient(
                base_url=self._places.url("front_door"), timeout=30
            ) as door:
                request_id = await self._submit(door)
                await self._approve(door, request_id)
                for fact_type in LAST:
                    await self._wait_for(fact_type)
            self._show_letter()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _on_fact(self, fact: Line) -> None:
        self._say(in_words(fact))
        self._facts.append(fact)
        self._seen.set()

    async def _submit(self, door: httpx2.AsyncClient) -> str:
        """For the next agency without an account; when all have one, the first replaces its administrator."""
        agencies = (await door.get("/api/agencies")).json()
        attempts = [(agency, "open_account") for agency in agencies] + [
            (agencies[0], "replace_administrator")
        ]
        for agency, kind in attempts:
            answer = await door.post(
                "/api/requests",
                headers={"Idempotency-Key": str(uuid4())},
                files={
                    "request": ("request.json", orjson.dumps(_form(agency, kind)), "application/json"),
                    "letter": ("surat.pdf", (LETTERS / "surat-permintaan.pdf").read_bytes(), "application/pdf"),
                    "appointment": (
                        "penunjukan.pdf", (LETTERS / "surat-penunjukan.pdf").read_bytes(), "application/pdf",
                    ),
                },
            )  # fmt: skip
            if answer.status_code == httpx2.codes.CREATED:
                receipt = answer.json()
                self._number = receipt["registration_number"]
                self._say(
                    f"{agency['name']}: {self._number} diterima, selesai paling lambat {receipt['due_on']};"
                    f" pantau di {receipt['status_url']} dengan kode {receipt['tracking_code']}"
                )
                return str(receipt["request_id"])
            if answer.status_code != httpx2.codes.CONFLICT:
                message = (
                    f"the sample request was refused: {answer.status_code} {answer.text[:500]}"
                )
                raise StepMissing(message)
        message = "every agency has an open request: finish one, or start empty with FRESH=1"
        raise StepMissing(message)

    async def _approve(self, door: httpx2.AsyncClient, request_id: str) -> None:
        token = await asyncio.to_thread(access_token, self._places.url("identity"), "reviewer")
        officer = {"Authorization": f"Bearer {token}"}
        async with _within(f"{self._number} did not appear in the reviewers' queue"):
            while True:
                queue = (
                    await door.get("/api/reviews", params={"state": "open"}, headers=officer)
                ).json()
                found = [case for case in queue if case["request_id"] == request_id]
                if found:
                    break
                await asyncio.sleep(0.1)
        decision = {"outcome": "approved", "reason": None, "seen_version": found[0]["version"]}
        answer = await door.post(
            f"/api/reviews/{request_id}/decision", json=decision, headers=officer
        )
        if answer.status_code != httpx2.codes.OK:
            message = f"the approval was refused: {answer.status_code} {answer.text[:500]}"
            raise StepMissing(message)

    async def _wait_for(self, fact_type: str) -> None:
        async with _within(f"{fact_type} of {self._number} was not seen on the topics"):
            while not any(
                fact.type == fact_type and fact.value.get("registration_number") == self._number
                for fact in self._facts
            ):
                self._seen.clear()
                await self._seen.wait()

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
        message_missing = (
            f"no mail with the confirmation letter of {self._number} in {self._places.mailbox}"
        )
        raise StepMissing(message_missing)


class _within:  # noqa: N801 - reads as a preposition
    def __init__(self, otherwise: str) -> None:
        self._otherwise, self._timeout = otherwise, asyncio.timeout(STEP_SECONDS_MAX)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)  # type: ignore[arg-type]  # passed through
        except TimeoutError:
            message = f"{self._otherwise} within {STEP_SECONDS_MAX:.0f} s"
            raise StepMissing(message) from None


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
