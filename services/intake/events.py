"""What intake remembers of a request. Ids and codes only: no name, no address, no free text."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

RequestKind = Literal["open_account", "replace_administrator"]
ClosedAs = Literal["confirmed", "rejected", "withdrawn", "set_aside"]
StoppedBy = Literal["confirmed", "returned", "rejected", "withdrawn", "set_aside"]


@dataclass(frozen=True, slots=True)
class RequestSubmitted:
    """A letter was registered under a number of the gapless register."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID
    letter_id: UUID
    appointment_id: UUID | None
    received_at: datetime
    registered_at: datetime
    registered_by: UUID | None
    standard: str


@dataclass(frozen=True, slots=True)
class RequestResubmitted:
    """A returned request came back complete."""

    cycle: int
    administrator_id: UUID
    contact_id: UUID
    letter_id: UUID
    appointment_id: UUID | None
    received_at: datetime
    registered_at: datetime
    registered_by: UUID | None


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """The clock of a cycle runs: on time strictly before `breach_at`."""

    cycle: int
    due_on: date
    breach_at: datetime
    provisional: bool
    calendar_version: int


@dataclass(frozen=True, slots=True)
class DeadlineStopped:
    """The clock of a cycle ended before its breach instant."""

    cycle: int
    stopped_by: StoppedBy
    stopped_at: datetime


@dataclass(frozen=True, slots=True)
class DeadlineBreached:
    """The breach instant passed first; `late` = it was noticed by something that came after it."""

    cycle: int
    due_on: date
    breach_at: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class DeadlineBreachRevoked:
    """What stopped the clock happened before the breach instant and was learned after it."""

    cycle: int
    stopped_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewNoted:
    """Review's decision was learned."""

    cycle: int
    outcome: Literal["approved", "returned", "rejected"]
    text_id: UUID | None
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationNoted:
    """The account is active."""

    activated_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationFailureNoted:
    """The account could not be made yet; provisioning goes on trying."""

    reason_code: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class ConfirmationNoted:
    """The confirmation letter was sent."""

    letter_number: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """The PD took its request back; the reason is a text of the mutable table."""

    withdrawn_at: datetime
    text_id: UUID


@dataclass(frozen=True, slots=True)
class RequestSetAside:
    """An officer found that the letter is not from that agency."""

    set_aside_at: datetime
    officer_id: UUID
    text_id: UUID


@dataclass(frozen=True, slots=True)
class RequestClosed:
    """The request has come to its end. `on_time`: by what was known then, no breach of any cycle stood."""

    outcome: ClosedAs
    closed_at: datetime
    due_on: date
    on_time: bool


Event = (
    RequestSubmitted
    | RequestResubmitted
    | DeadlineSet
    | DeadlineStopped
    | DeadlineBreached
    | DeadlineBreachRevoked
    | ReviewNoted
    | ActivationNoted
    | ActivationFailureNoted
    | ConfirmationNoted
    | RequestWithdrawn
    | RequestSetAside
    | RequestClosed
)
EVENTS: tuple[type[Event], ...] = (
    RequestSubmitted,
    RequestResubmitted,
    DeadlineSet,
    DeadlineStopped,
    DeadlineBreached,
    DeadlineBreachRevoked,
    ReviewNoted,
    ActivationNoted,
    ActivationFailureNoted,
    ConfirmationNoted,
    RequestWithdrawn,
    RequestSetAside,
    RequestClosed,
)
