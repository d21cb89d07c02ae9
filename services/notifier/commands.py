"""What one may ask of the correspondence about a subject (a request or a complaint)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

RequestKind = Literal["open_account", "replace_administrator"]
Role = Literal["front-desk", "reviewer", "complaint-officer", "head", "operator"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person by id (looked up when the mail is written) or the officers of a role."""

    person_id: UUID | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One mail to be sent: which text, to whom, with which ids, dates and codes. No name is in `values`."""

    notification_id: UUID
    template: str
    recipient: Recipient
    values: Mapping[str, str]
    send_at: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """The ids every fact about a request repeats."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class Notify:
    """Something has happened that people are to be told."""

    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Confirm:
    """The account was read back: the confirmation letter is due."""

    subject: Subject
    user_id: str
    group: str
    activated_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class EndCorrespondence:
    """The request was withdrawn or set aside: no confirmation may go out any more; the contact is told."""

    notification: Notification


@dataclass(frozen=True, slots=True)
class DropBreachMails:
    """The breach of this cycle was revoked: what was not sent is not sent."""

    cycle: int


@dataclass(frozen=True, slots=True)
class NumberLetter:
    """The letter gets its number in the register."""

    letter_id: UUID
    number: int
    year: int
    letter_number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordLetter:
    """The letter was made and is stored with this text; it is mailed now."""

    letter_id: UUID
    sha256: str
    notification: Notification


@dataclass(frozen=True, slots=True)
class RecordSent:
    """The mail server took it at `sent_at`."""

    notification_id: UUID
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class RecordUndeliverable:
    """It cannot be delivered; officers see why."""

    notification_id: UUID
    reason_code: str
    at: datetime


Command = (
    Notify
    | Confirm
    | EndCorrespondence
    | DropBreachMails
    | NumberLetter
    | RecordLetter
    | RecordSent
    | RecordUndeliverable
)
