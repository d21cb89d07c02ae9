"""notifier's own event -> view rows, and the queries of its pages: all SQL of the service."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.notifier.commands import Notification
from services.notifier.events import Event, LetterMade, LetterNumbered
from services.notifier.state import State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.store import Delete, Recorded, Upsert

VIEWS = ("confirmations",)
"""The tables that `rows` writes: the events say all of them again. The ledger of mails is not among them."""


def rows(recorded: Recorded[Event], state: State) -> Iterable[Upsert | Delete]:
    """A numbered letter can be verified; its digest joins once it is made."""
    event, confirmation = recorded.event, state.confirmation
    if not isinstance(event, (LetterNumbered, LetterMade)) or confirmation is None:
        return []
    letter = confirmation.letter
    assert letter is not None  # noqa: S101 - both events concern a numbered letter
    return [
        Upsert(
            "confirmations",
            {"letter_number": letter.letter_number},
            {
                "request_id": confirmation.subject.request_id,
                "letter_id": letter.letter_id,
                "sha256": event.sha256 if isinstance(event, LetterMade) else None,
            },
        )
    ]


def ledger_row(notification: Notification, subject: str, body: str) -> Upsert:
    """What was sent; when, says the event. The caller blanks the tracking code."""
    return Upsert(
        "mails",
        {"notification_id": notification.notification_id},
        {
            "subject_id": notification.values["subject_id"],
            "template": notification.template,
            "person_id": notification.recipient.person_id,
            "role": notification.recipient.role,
            "subject": subject,
            "body": body,
        },
    )


async def find_letter(pool: Pool, letter_id: UUID) -> bytes | None:
    """The stored bytes of a letter."""
    content: bytes | None = await pool.fetchval(
        "select bytes from letters where letter_id = $1", letter_id
    )
    return content


async def database_time(pool: Pool) -> datetime:
    """The one clock, now."""
    now: datetime = await pool.fetchval("select datacloud_now()")
    return now


async def find_letter_id(pool: Pool, letter_number: str) -> UUID | None:
    """The letter a number belongs to, if it was made."""
    found: UUID | None = await pool.fetchval(
        "select letter_id from confirmations where letter_number = $1 and sha256 is not null",
        letter_number,
    )
    return found
