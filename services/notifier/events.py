"""What notifier remembers of the correspondence about a subject."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifier.commands import Notification, Subject


@dataclass(frozen=True, slots=True)
class NotificationRequested:
    """A mail is to be sent."""

    notification: Notification


@dataclass(frozen=True, slots=True)
class NotificationDropped:
    """A mail that was not sent yet is not to be sent any more; one that was just being sent may say so afterwards."""

    notification_id: UUID


@dataclass(frozen=True, slots=True)
class ConfirmationRequested:
    """A confirmation letter is to be numbered, made and mailed."""

    subject: Subject
    user_id: str
    group: str
    activated_at: datetime
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class ConfirmationRuledOut:
    """The request was withdrawn or set aside."""

    subject_id: str


@dataclass(frozen=True, slots=True)
class LetterNumbered:
    """The letter has its number, and the date it will bear."""

    letter_id: UUID
    number: int
    year: int
    letter_number: str
    numbered_at: datetime


@dataclass(frozen=True, slots=True)
class LetterMade:
    """The letter is stored; its bytes never change again."""

    letter_id: UUID
    sha256: str


@dataclass(frozen=True, slots=True)
class NotificationSent:
    """The mail server took it."""

    notification_id: UUID
    template: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class NotificationUndeliverable:
    """The mail server refused it for good, or there is no address."""

    notification_id: UUID
    template: str
    reason_code: str
    failed_at: datetime


Event = (
    NotificationRequested
    | NotificationDropped
    | ConfirmationRequested
    | ConfirmationRuledOut
    | LetterNumbered
    | LetterMade
    | NotificationSent
    | NotificationUndeliverable
)
EVENTS: tuple[type[Event], ...] = (
    NotificationRequested,
    NotificationDropped,
    ConfirmationRequested,
    ConfirmationRuledOut,
    LetterNumbered,
    LetterMade,
    NotificationSent,
    NotificationUndeliverable,
)
