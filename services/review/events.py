"""What review remembers of a case."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.review.commands import Outcome, Subject


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """Cycle n of a request waits for a decision."""

    subject: Subject
    cycle: int
    received_at: datetime
    letter_id: UUID
    appointment_id: UUID | None
    registered_by: UUID | None


@dataclass(frozen=True, slots=True)
class DueDateNoted:
    """By when the whole chain must be done."""

    subject: Subject
    cycle: int
    due_on: date


@dataclass(frozen=True, slots=True)
class CaseDropped:
    """Withdrawn or set aside before or after the decision."""

    subject: Subject
    reason: Literal["withdrawn", "set_aside"]


@dataclass(frozen=True, slots=True)
class CaseDecided:
    """The act: who, when, what and why (the reason is a text of the mutable table)."""

    cycle: int
    outcome: Outcome
    text_id: UUID | None
    officer_id: UUID
    decided_at: datetime


Event = CaseOpened | DueDateNoted | CaseDropped | CaseDecided
EVENTS: tuple[type[Event], ...] = (CaseOpened, DueDateNoted, CaseDropped, CaseDecided)
