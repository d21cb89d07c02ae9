"""What one may ask of a case."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

RequestKind = Literal["open_account", "replace_administrator"]
Outcome = Literal["approved", "returned", "rejected"]


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
class OpenCase:
    """A letter was filed, or came back completed: cycle n is to be decided."""

    subject: Subject
    cycle: int
    received_at: datetime
    letter_id: UUID
    appointment_id: UUID | None
    registered_by: UUID | None


@dataclass(frozen=True, slots=True)
class NoteDueDate:
    """The clock of a cycle was set; it orders the queue."""

    subject: Subject
    cycle: int
    due_on: date


@dataclass(frozen=True, slots=True)
class DropCase:
    """The request was withdrawn or set aside: nothing is to be decided any more."""

    subject: Subject
    reason: Literal["withdrawn", "set_aside"]


@dataclass(frozen=True, slots=True)
class DecideCase:
    """An officer's decision on the version of the case that the officer saw."""

    outcome: Outcome
    text_id: UUID | None
    officer_id: UUID
    seen_version: int
    at: datetime


Command = OpenCase | NoteDueDate | DropCase | DecideCase
