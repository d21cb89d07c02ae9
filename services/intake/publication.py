"""intake's own event -> at most one public fact, which repeats the ids of its request."""

from typing import TypedDict, assert_never
from uuid import UUID

from services.intake import events
from services.intake.events import Event, RequestKind
from services.intake.state import NotSubmitted, Request, State
from shared.contracts.facts import clock, intake
from shared.contracts.registry import Fact
from shared.contracts.subjects import RequestSubject


class _Repeated(TypedDict):
    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID


def _repeated(request: Request) -> _Repeated:
    return {
        "request_id": request.request_id,
        "registration_number": request.registration_number,
        "agency_code": request.agency_code,
        "kind": request.kind,
        "administrator_id": request.administrator_id,
        "contact_id": request.contact_id,
    }


def to_public(event: Event, state: State) -> Fact | None:
    """What the others are told; None where the event is intake's own affair."""
    if isinstance(state, NotSubmitted):
        return None
    request = state.request
    ids = _repeated(request)
    match event:
        case events.RequestSubmitted():
            return intake.RequestSubmitted(
                **ids,
                cycle=1,
                received_at=event.received_at,
                registered_at=event.registered_at,
                letter_id=event.letter_id,
                appointment_id=event.appointment_id,
                registered_by=event.registered_by,
            )
        case events.RequestResubmitted():
            return intake.RequestResubmitted(
                **ids,
                cycle=event.cycle,
                received_at=event.received_at,
                registered_at=event.registered_at,
                letter_id=event.letter_id,
                appointment_id=event.appointment_id,
                registered_by=event.registered_by,
            )
        case events.RequestWithdrawn():
            return intake.RequestWithdrawn(**ids, withdrawn_at=event.withdrawn_at)
        case events.RequestSetAside():
            return intake.RequestSetAside(
                **ids, set_aside_at=event.set_aside_at, officer_id=event.officer_id
            )
        case events.RequestClosed():
            return intake.RequestClosed(
                **ids,
                outcome=event.outcome,
                closed_at=event.closed_at,
                due_on=event.due_on,
                on_time=event.on_time,
            )
        case events.DeadlineSet() | events.DeadlineBreached() | events.DeadlineBreachRevoked():
            return _deadline(event, request)
        case (
            events.DeadlineStopped()
            | events.ReviewNoted()
            | events.ActivationNoted()
            | events.ActivationFailureNoted()
            | events.ConfirmationNoted()
        ):
            return None
        case _:
            assert_never(event)


def _deadline(
    event: events.DeadlineSet | events.DeadlineBreached | events.DeadlineBreachRevoked,
    request: Request,
) -> Fact | None:
    running = request.clock
    if running is None:
        return None
    subject = RequestSubject(**_repeated(request))
    match event:
        case events.DeadlineSet():
            return clock.DeadlineSet(
                subject=subject,
                name="confirmation",
                cycle=event.cycle,
                due_on=event.due_on,
                breach_at=event.breach_at,
                received_at=request.received_at,
                calendar_version=event.calendar_version,
                provisional=event.provisional,
            )
        case events.DeadlineBreached():
            return clock.DeadlineBreached(
                subject=subject,
                name="confirmation",
                cycle=event.cycle,
                due_on=event.due_on,
                breach_at=event.breach_at,
                cause="elapsed",
                stage=None,
                late=event.late,
            )
        case events.DeadlineBreachRevoked():
            return clock.DeadlineBreachRevoked(
                subject=subject,
                name="confirmation",
                cycle=event.cycle,
                due_on=running.due_on,
                breach_at=running.breach_at,
                stopped_at=event.stopped_at,
            )
        case _:
            assert_never(event)
