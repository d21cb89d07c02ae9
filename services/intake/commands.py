"""What one may ask of a request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.deadlines import Limit

RequestKind = Literal["open_account", "replace_administrator"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The limit of the standard and the working calendar that turns it into a due date."""

    standard: str
    limit: Limit
    calendar: WorkingCalendar
    calendar_version: int


@dataclass(frozen=True, slots=True)
class Papers:
    """The ids of what a PD hands in; names, numbers and bytes stand in mutable tables."""

    administrator_id: UUID
    contact_id: UUID
    letter_id: UUID
    appointment_id: UUID | None


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A PD's letter; `received_at` is None when it is received as it arrives."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    papers: Papers
    received_at: datetime | None
    registered_by: UUID | None
    clock: Clock
    at: datetime


@dataclass(frozen=True, slots=True)
class ResubmitRequest:
    """The completed file of a returned request: a new cycle of the clock."""

    papers: Papers
    received_at: datetime | None
    registered_by: UUID | None
    clock: Clock
    at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """The PD takes its request back."""

    text_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class SetAsideRequest:
    """An officer finds that the letter is not from that agency."""

    officer_id: UUID
    text_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteReview:
    """Review has decided."""

    cycle: int
    outcome: Literal["approved", "returned", "rejected"]
    text_id: UUID | None
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class NoteActivation:
    """The account was read back on the platform."""

    activated_at: datetime


@dataclass(frozen=True, slots=True)
class NoteActivationFailure:
    """The account could not be made yet."""

    reason_code: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class NoteConfirmation:
    """The mail server took the confirmation letter at `sent_at`."""

    letter_number: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class BreachDeadline:
    """The breach instant of a cycle has come; `at` is that instant, however late it is noticed."""

    cycle: int
    at: datetime
    late: bool


Command = (
    SubmitRequest
    | ResubmitRequest
    | WithdrawRequest
    | SetAsideRequest
    | NoteReview
    | NoteActivation
    | NoteActivationFailure
    | NoteConfirmation
    | BreachDeadline
)
