"""What complaints knows of a complaint."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never
from uuid import UUID

from services.complaints.events import ComplaintFiled, DeadlineBreached, DeadlineSet, Event
from shared.contracts.subjects import Category, Channel


@dataclass(frozen=True, slots=True)
class NotFiled:
    """Nobody has complained under this id."""


@dataclass(frozen=True, slots=True)
class RunningClock:
    """The deadline of a cycle, and whether it was breached."""

    cycle: int
    due_on: date
    breach_at: datetime
    breached: bool = False


@dataclass(frozen=True, slots=True)
class Filed:
    """In the register, waiting to be classified."""

    complaint_id: UUID
    registration_number: str
    channel: Channel
    category: Category | None
    complainant_id: UUID | None
    confidential: bool
    received_at: datetime
    clock: RunningClock | None = None


State = NotFiled | Filed


def initial() -> State:
    """Before the first event."""
    return NotFiled()


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case ComplaintFiled():
            return Filed(
                event.complaint_id,
                event.registration_number,
                event.channel,
                event.category,
                event.complainant_id,
                event.confidential,
                event.received_at,
            )
        case DeadlineSet():
            return replace(
                _filed(state), clock=RunningClock(event.cycle, event.due_on, event.breach_at)
            )
        case DeadlineBreached():
            clock = RunningClock(event.cycle, event.due_on, event.breach_at, breached=True)
            return replace(_filed(state), clock=clock)
        case _:
            assert_never(event)


def _filed(state: State) -> Filed:
    if isinstance(state, NotFiled):
        message = "a deadline needs a complaint"
        raise TypeError(message)
    return state
