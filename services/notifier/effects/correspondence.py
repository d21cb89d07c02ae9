"""Due work of the correspondence: number a letter, make it, send a mail; what came of it goes back as a command."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

import structlog

from services.notifier import views
from services.notifier.commands import (
    Command,
    Notification,
    NumberLetter,
    Recipient,
    RecordLetter,
    RecordSent,
    RecordUndeliverable,
)
from services.notifier.decisions import CONFIRMED
from services.notifier.effects.letter import (
    ConfirmationLetter,
    LetterNotMadeError,
    Signer,
    letter_number,
    make_letter,
)
from services.notifier.effects.mail import (
    Attachment,
    Message,
    PermanentFailure,
    SmtpMailer,
    TemporaryFailure,
)
from services.notifier.effects.rendering import render_mail
from services.notifier.reactions import NAMESPACE, confirmation_mail
from services.notifier.state import Confirmation, Letter, State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import GiveUp, TryLater
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.unit_of_work import Work
from shared.people.persons import Person, find_person, find_text, is_forgotten, letter_row
from shared.service_standard.agencies import agencies
from shared.service_standard.standard import Standard
from shared.web.tracking import TrackingKeys

log = structlog.get_logger(__name__)

FORGOTTEN = "(dihapus)"
BLANKED = "(kode pelacakan)"


@dataclass(frozen=True, slots=True)
class Office:
    """What letters and mails need besides the facts; made by the composition root."""

    pool: Pool
    mailer: SmtpMailer
    keys: TrackingKeys
    standard: Standard
    signer: Signer
    letter_number_pattern: str
    public_url: str
    recipients: Mapping[str, tuple[str, ...]]


class Letters:
    """The confirmation letter, in two steps that each commit: its number, then its bytes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def perform(self, due: Due, state: State) -> Work[Command]:
        """What is missing next; a letter that is made already is not made again."""
        confirmation = state.confirmation
        if confirmation is None:
            raise TryLater("no_confirmation")
        if confirmation.letter is None:
            return self._number(due.stream_id)
        return await self._make(due.stream_id, confirmation, confirmation.letter)

    def gave_up(self, due: Due, reason: str) -> Work[Command]:
        """Never asked: a letter is owed for as long as nothing rules it out, so its work has no limit of tries."""
        raise LookupError(due.name, reason)

    def _number(self, stream_id: str) -> Work[Command]:
        letter_id, pattern = (
            uuid5(NAMESPACE, f"letter:{stream_id}"),
            self._office.letter_number_pattern,
        )

        def command(given: Given) -> NumberLetter:
            number, year = given.taken()
            return NumberLetter(
                letter_id, number, year, letter_number(pattern, number, year), given.at
            )

        return Work(stream_id, command, "letters")

    async def _make(
        self, stream_id: str, confirmation: Confirmation, letter: Letter
    ) -> Work[Command]:
        subject, office = confirmation.subject, self._office
        administrator = await _administrator(office.pool, subject.administrator_id)
        content = content_of(confirmation, letter, administrator, office.signer)
        try:
            pdf = await make_letter(content, office.standard)
        except LetterNotMadeError as error:
            raise TryLater(error.reason_code) from error
        digest = hashlib.sha256(pdf).hexdigest()
        recorded = RecordLetter(letter.letter_id, digest, confirmation_mail(confirmation, letter))
        stored = letter_row(letter.letter_id, pdf, [subject.administrator_id, subject.contact_id])
        return Work(stream_id, lambda _: recorded, rows=stored.rows)


class Mails:
    """One mail: looked up, rendered, sent under its fixed Message-ID, entered in the ledger."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def perform(self, due: Due, state: State) -> Work[Command]:
        """Raises TryLater while a copy is not here yet or the server is away, GiveUp when nobody can be reached."""
        waiting = state.mails[UUID(due.payload["notification_id"])]
        notification = waiting.notification
        ruled_out = state.ruled_out and notification.template == CONFIRMED
        if waiting.state != "waiting" or ruled_out:
            raise GiveUp("dropped")
        addresses = await self._addresses(notification.recipient)
        values = await self._values(notification, due.claimed_at)
        mail = render_mail(notification.template, values)
        attachment = await self._attachment(notification)
        message = Message(notification.notification_id, addresses, mail, due.claimed_at, attachment)
        sent_at = await self._send(message, notification.recipient)
        sent = RecordSent(notification.notification_id, sent_at)
        body = mail.text.replace(str(values.get("tracking_code") or BLANKED), BLANKED)
        row = views.ledger_row(notification, mail.subject, body)
        return Work(due.stream_id, lambda _: sent, rows=(row,))

    def gave_up(self, due: Due, reason: str) -> Work[Command]:
        """Officers see that this mail did not arrive, and why."""
        notification_id = UUID(due.payload["notification_id"])
        return Work(
            due.stream_id, lambda given: RecordUndeliverable(notification_id, reason, given.at)
        )

    async def _send(self, message: Message, recipient: Recipient) -> datetime:
        """When the mail server took it, by the database's clock: one clock for all (DOMAIN section 4 rule 11)."""
        outcome = await self._office.mailer.send(message)
        if isinstance(outcome, TemporaryFailure):
            raise TryLater(outcome.reason_code)
        if isinstance(outcome, PermanentFailure):
            raise GiveUp(outcome.reason_code)
        if outcome.refused:
            log.warning("addresses_refused", role=recipient.role, count=len(outcome.refused))
        now = await views.database_time(self._office.pool)
        return now - (datetime.now(UTC) - outcome.sent_at)

    async def _addresses(self, recipient: Recipient) -> tuple[str, ...]:
        office = self._office
        if recipient.role is not None:
            addresses = office.recipients.get(recipient.role, ())
            if not addresses:
                raise GiveUp("no_recipient_configured")
            return addresses
        assert recipient.person_id is not None  # noqa: S101 - a recipient is a role or a person
        person = await find_person(office.pool, recipient.person_id)
        if person is None:
            if await is_forgotten(office.pool, recipient.person_id):
                raise GiveUp("recipient_forgotten")
            raise TryLater("recipient_not_here_yet")
        if person.email is None:
            raise GiveUp("no_email_address")
        return (person.email,)

    async def _values(self, notification: Notification, at: datetime) -> dict[str, object]:
        office, values = self._office, dict[str, object](notification.values)
        subject_id = notification.values["subject_id"]
        values["service_url"] = office.public_url
        values["status_url"] = f"{office.public_url}/permintaan/{subject_id}"
        values["review_url"] = f"{office.public_url}/kajian/{subject_id}"
        values["case_url"] = f"{office.public_url}/pengaduan/{subject_id}"
        if agency_code := notification.values.get("agency_code"):
            values["agency_name"] = _agency_name(agency_code)
        if notification.template == "complaint_received":
            values["status_url"] = values["case_url"]
            values["tracking_code"] = office.keys.code("complaint", UUID(subject_id))
        elif notification.template == "request_received":
            values["tracking_code"] = office.keys.code("request", UUID(subject_id))
        if breach_at := notification.values.get("breach_at"):
            values["overdue"] = at >= datetime.fromisoformat(breach_at)
        if text_id := notification.values.get("text_id"):
            text = await find_text(office.pool, UUID(text_id))
            if text is None:
                raise TryLater("reason_not_here_yet")
            values["reason_text"] = text
        return values

    async def _attachment(self, notification: Notification) -> Attachment | None:
        letter_id = notification.values.get("letter_id")
        if letter_id is None:
            return None
        content = await views.find_letter(self._office.pool, UUID(letter_id))
        if content is None:
            raise GiveUp("letter_gone")
        number = notification.values["registration_number"]
        return Attachment(f"Surat-Konfirmasi-{number}.pdf", content)


def content_of(
    confirmation: Confirmation, letter: Letter, administrator: Person | None, signer: Signer
) -> ConfirmationLetter:
    """What the letter says; None stands for an administrator who was forgotten."""
    subject = confirmation.subject
    return ConfirmationLetter(
        letter.letter_number,
        letter.numbered_at,
        subject.registration_number,
        _agency_name(subject.agency_code),
        subject.kind,
        confirmation.activated_at,
        signer,
        administrator_name=administrator.name if administrator else FORGOTTEN,
        administrator_position=administrator.position if administrator else None,
        user_id=confirmation.user_id,
        group=confirmation.group,
    )


async def _administrator(pool: Pool, person_id: UUID) -> Person | None:
    person = await find_person(pool, person_id)
    if person is None and not await is_forgotten(pool, person_id):
        raise TryLater("administrator_not_here_yet")
    return person


def _agency_name(code: str) -> str:
    agency = agencies().get(code)
    return agency.name if agency else code
