"""Letters and mails as notifier does them, but for typesetting and rendering: what is decided is the product's own."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from services.notifier import views
from services.notifier.commands import Command, RecordLetter, RecordSent
from services.notifier.decisions import CONFIRMED
from services.notifier.effects.correspondence import Letters, Mails, Office
from services.notifier.effects.letter import Signer
from services.notifier.effects.mail import PermanentFailure, SmtpMailer, TemporaryFailure
from services.notifier.reactions import confirmation_mail
from services.notifier.state import Confirmation, Letter, State
from services.provisioning.effects.bounded_http import Answer, BoundedHttp
from shared.event_sourcing.database import Pool
from shared.event_sourcing.outcomes import GiveUp, TryLater
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.unit_of_work import Work
from shared.people.persons import find_person, letter_row
from shared.service_standard.standard import load_standard
from shared.web.tracking import TrackingKeys
from tests.chaos.simulation.machine import Machine, Process
from tests.chaos.simulation.outside import CloudPlatform, MailServer

KEYS = TrackingKeys({1: bytes(range(32))})
TYPESETTING_SECONDS_MAX = 3.0
RECIPIENTS = {
    role: (f"{role}@diskominfo.kalbarprov.go.id",)
    for role in ("front-desk", "reviewer", "complaint-officer", "head", "operator")
}


def office_of(pool: Pool) -> Office:
    """What letters and mails need; nobody sends by SMTP here."""
    signer = Signer("Contoh Kepala Dinas", "Pembina", "197001011995031001")
    pattern, url = "000.8/{number}/DISKOMINFO-C/{year}", "http://front.door"
    mailer = cast("SmtpMailer", None)
    return Office(pool, mailer, KEYS, load_standard(), signer, pattern, url, RECIPIENTS)


class SimulatedLetters(Letters):
    """A letter's bytes are its number; making it takes its time."""

    def __init__(self, office: Office, machine: Machine) -> None:
        super().__init__(office)
        self._machine = machine

    async def _make(
        self, stream_id: str, confirmation: Confirmation, letter: Letter
    ) -> Work[Command]:
        subject = confirmation.subject
        if await find_person(self._office.pool, subject.administrator_id) is None:
            raise TryLater("administrator_not_here_yet")
        await self._machine.pause(self._machine.chance.uniform(0, TYPESETTING_SECONDS_MAX))
        pdf = letter.letter_number.encode()
        digest = hashlib.sha256(pdf).hexdigest()
        recorded = RecordLetter(letter.letter_id, digest, confirmation_mail(confirmation, letter))
        stored = letter_row(letter.letter_id, pdf, [subject.administrator_id, subject.contact_id])
        return Work(stream_id, lambda _: recorded, rows=stored.rows)


class SimulatedMails(Mails):
    """As `Mails.perform`, line by line, with the template's name for the text."""

    def __init__(self, office: Office, process: Process, server: MailServer) -> None:
        super().__init__(office)
        self._process, self._server = process, server

    async def perform(self, due: Due, state: State) -> Work[Command]:
        waiting = state.mails[UUID(due.payload["notification_id"])]
        notification = waiting.notification
        ruled_out = state.ruled_out and notification.template == CONFIRMED
        if waiting.state != "waiting" or ruled_out:
            raise GiveUp("dropped")
        addresses = await self._addresses(notification.recipient)
        await self._values(notification, due.claimed_at)
        await self._attachment(notification)
        subject = f"{notification.template} {notification.values['registration_number']}"
        sent_at = await self._deliver(notification.notification_id, subject, addresses)
        sent = RecordSent(notification.notification_id, sent_at)
        row = views.ledger_row(notification, subject, "")
        return Work(due.stream_id, lambda _: sent, rows=(row,))

    async def _deliver(
        self, notification_id: UUID, subject: str, addresses: tuple[str, ...]
    ) -> datetime:
        outcome = await self._server.send(self._process, notification_id, subject, addresses)
        if isinstance(outcome, TemporaryFailure):
            raise TryLater(outcome.reason_code)
        if isinstance(outcome, PermanentFailure):
            raise GiveUp(outcome.reason_code)
        return outcome.sent_at.astimezone(UTC)


class SimulatedHttp:
    """What ScimPlatform calls."""

    def __init__(self, process: Process, platform: CloudPlatform) -> None:
        self._process, self._platform = process, platform

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        return await self._platform.call(
            self._process, method, path, query=query, document=document, if_match=if_match
        )


def http_of(process: Process, platform: CloudPlatform) -> BoundedHttp:
    """In the place of a real one."""
    return cast("BoundedHttp", SimulatedHttp(process, platform))
