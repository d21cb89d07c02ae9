"""What intake knows of a request. Facts of others come in any order, so what was learned is kept side by side."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, assert_never
from uuid import UUID

from services.intake.events import (
    ActivationFailureNoted,
    ActivationNoted,
    ClosedAs,
    ConfirmationNoted,
    DeadlineBreached,
    DeadlineBreachRevoked,
    DeadlineSet,
    DeadlineStopped,
    Event,
    RequestClosed,
    RequestKind,
    RequestResubmitted,
    RequestSetAside,
    RequestSubmitted,
    RequestWithdrawn,
    ReviewNoted,
)


@dataclass(frozen=True, slots=True)
class NotSubmitted:
    """Nobody has filed under this id."""


@dataclass(frozen=True, slots=True)
class RunningClock:
    """The deadline of a cycle and how it ended, if it did."""

    cycle: int
    due_on: date
    breach_at: datetime
    ended: Literal["stopped", "breached", "revoked"] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What every phase of a request has."""

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
    cycle: int = 1
    first_due_on: date | None = None
    clock: RunningClock | None = None
    approved: bool = False
    activation: Literal["active", "failed"] | None = None
    text_id: UUID | None = None
    breaches: int = 0

    @property
    def breached(self) -> bool:
        """Whether a breach stands that was not revoked."""
        return self.breaches > 0


@dataclass(frozen=True, slots=True)
class Open:
    """With the office."""

    request: Request


@dataclass(frozen=True, slots=True)
class Returned:
    """With the PD, which may complete its file; no clock runs."""

    request: Request
    returned_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """At its end; what is still learned may take a breach back, and changes nothing else but the record."""

    request: Request
    outcome: ClosedAs


State = NotSubmitted | Open | Returned | Closed


def initial() -> State:
    """Before the first event."""
    return NotSubmitted()


def evolve(state: State, event: Event) -> State:
    """The state after the event; events are facts, so this never refuses."""
    if isinstance(event, RequestSubmitted):
        return Open(_submitted(event))
    if isinstance(state, NotSubmitted):
        message = f"{type(event).__name__} cannot be the first event of a request"
        raise TypeError(message)
    request = _learn(state.request, event)
    match event:
        case RequestClosed(outcome=outcome):
            return Closed(request, outcome)
        case ReviewNoted(outcome="returned", reviewed_at=returned_at) if isinstance(state, Open):
            return Returned(request, returned_at)
        case RequestResubmitted():
            return Open(request)
        case _:
            return replace(state, request=request)


def _submitted(event: RequestSubmitted) -> Request:
    return Request(
        event.request_id,
        event.registration_number,
        event.agency_code,
        event.kind,
        event.administrator_id,
        event.contact_id,
        event.letter_id,
        event.appointment_id,
        event.received_at,
        event.registered_at,
    )


def _learn(request: Request, event: Event) -> Request:
    match event:
        case RequestResubmitted():
            return replace(
                request,
                cycle=event.cycle,
                administrator_id=event.administrator_id,
                contact_id=event.contact_id,
                letter_id=event.letter_id,
                appointment_id=event.appointment_id,
                received_at=event.received_at,
                text_id=None,
            )
        case DeadlineSet():
            clock = RunningClock(event.cycle, event.due_on, event.breach_at)
            return replace(request, clock=clock, first_due_on=request.first_due_on or event.due_on)
        case DeadlineStopped():
            return _end_clock(request, "stopped")
        case DeadlineBreached():
            return replace(_end_clock(request, "breached"), breaches=request.breaches + 1)
        case DeadlineBreachRevoked():
            return replace(_end_clock(request, "revoked"), breaches=request.breaches - 1)
        case ReviewNoted():
            text_id = (
                event.text_id or request.text_id
            )  # an approval heard late has no reason of its own
            return replace(request, approved=event.outcome == "approved", text_id=text_id)
        case ActivationNoted():
            return replace(request, activation="active")
        case ActivationFailureNoted():
            return replace(request, activation=request.activation or "failed")
        case RequestWithdrawn(text_id=text_id) | RequestSetAside(text_id=text_id):
            return replace(request, text_id=text_id)
        case ConfirmationNoted() | RequestClosed() | RequestSubmitted():
            return request
        case _:
            assert_never(event)


def _end_clock(request: Request, how: Literal["stopped", "breached", "revoked"]) -> Request:
    clock = request.clock
    return replace(request, clock=replace(clock, ended=how)) if clock else request
