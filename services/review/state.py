"""What review knows of a case."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never
from uuid import UUID

from services.review.commands import Outcome, Subject
from services.review.events import CaseDecided, CaseDropped, CaseOpened, DueDateNoted, Event


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not filed as far as review has heard; a due date or a withdrawal may have come first."""

    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What every phase of a case has. `version` rises with each change that a decision must have seen.

    `registrars` are the officers who registered the letter or a completion; none of what the agency filed itself.
    """

    subject: Subject
    cycle: int
    version: int
    received_at: datetime
    letter_id: UUID
    appointment_id: UUID | None
    registrars: frozenset[UUID]
    due_on: date | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """In the queue."""

    case: Case


@dataclass(frozen=True, slots=True)
class Decided:
    """An officer has decided this cycle."""

    case: Case
    outcome: Outcome
    officer_id: UUID
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Dropped:
    """Withdrawn or set aside; wins over everything. `case` is None when that was heard first."""

    case: Case | None


State = Unknown | Undecided | Decided | Dropped


def initial() -> State:
    """Before the first event."""
    return Unknown()


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case CaseOpened():
            return Undecided(_opened(state, event))
        case DueDateNoted():
            return _due(state, event.due_on)
        case CaseDropped():
            return Dropped(None if isinstance(state, Unknown) else state.case)
        case CaseDecided() if not isinstance(state, (Unknown, Dropped)):
            case = replace(state.case, version=state.case.version + 1)
            return Decided(case, event.outcome, event.officer_id, event.decided_at)
        case CaseDecided():
            message = "a case that is not open cannot have been decided"
            raise TypeError(message)
        case _:
            assert_never(event)


def _opened(state: State, event: CaseOpened) -> Case:
    known = None if isinstance(state, Unknown) else state.case
    registrar = frozenset({event.registered_by} if event.registered_by else ())
    return Case(
        event.subject,
        event.cycle,
        known.version + 1 if known else 1,
        event.received_at,
        event.letter_id,
        event.appointment_id,
        known.registrars | registrar if known else registrar,
        state.due_on if isinstance(state, Unknown) else None,
    )


def _due(state: State, due_on: date) -> State:
    match state:
        case Unknown():
            return Unknown(due_on)
        case Dropped():
            return state
        case _:
            return replace(state, case=replace(state.case, due_on=due_on))
