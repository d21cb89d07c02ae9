"""A request of intake in each of its phases."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake import commands as c
from services.intake.decisions import decide
from services.intake.events import Event
from services.intake.state import State, evolve, initial
from shared.event_sourcing.decider import Decider
from shared.working_time.calendar import WorkingCalendar
from shared.working_time.deadlines import Limit
from tests.support.given import Past
from tests.support.requests import (
    ADMINISTRATOR_ID,
    APPOINTMENT_ID,
    BREACH_AT,
    CONTACT_ID,
    LETTER_ID,
    MONDAY,
    OFFICER_ID,
    REGISTRAR_ID,
    REQUEST_ID,
    TEXT_ID,
)

CLOCK = c.Clock("SK 09", Limit(1, "wd"), WorkingCalendar.bundled(), 1)
PAPERS = c.Papers(ADMINISTRATOR_ID, CONTACT_ID, LETTER_ID, APPOINTMENT_ID)
SOON = MONDAY + timedelta(hours=1)
TOO_LATE = BREACH_AT + timedelta(hours=1)
NUMBER = "000.8/17/DISKOMINFO-C/2026"


def submit(**other: Any) -> c.SubmitRequest:  # noqa: ANN401 - any field of the command
    """A letter of BAPPEDA that reaches the office on a Monday morning and is typed in at once."""
    said: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "registration_number": "DC-2026-000123",
        "agency_code": "BAPPEDA",
        "kind": "open_account",
        "papers": PAPERS,
        "received_at": MONDAY,
        "registered_by": REGISTRAR_ID,
        "clock": CLOCK,
        "at": MONDAY,
    }
    return c.SubmitRequest(**said | other)


def resubmit(
    at: datetime = SOON, received_at: datetime | None = None, registered_by: UUID | None = None
) -> c.ResubmitRequest:
    return c.ResubmitRequest(PAPERS, received_at, registered_by, CLOCK, at)


def withdraw(at: datetime = SOON) -> c.WithdrawRequest:
    return c.WithdrawRequest(TEXT_ID, at)


def set_aside(at: datetime = SOON) -> c.SetAsideRequest:
    return c.SetAsideRequest(OFFICER_ID, TEXT_ID, at)


def approved(at: datetime = SOON, cycle: int = 1) -> c.NoteReview:
    return c.NoteReview(cycle, "approved", None, at)


def returned(at: datetime = SOON, cycle: int = 1) -> c.NoteReview:
    return c.NoteReview(cycle, "returned", TEXT_ID, at)


def rejected(at: datetime = SOON, cycle: int = 1) -> c.NoteReview:
    return c.NoteReview(cycle, "rejected", TEXT_ID, at)


def activated() -> c.NoteActivation:
    return c.NoteActivation(SOON)


def failed() -> c.NoteActivationFailure:
    return c.NoteActivationFailure("platform_down", SOON)


def confirmed(sent_at: datetime = SOON) -> c.NoteConfirmation:
    return c.NoteConfirmation(NUMBER, sent_at)


def breach(cycle: int = 1, *, late: bool = False) -> c.BreachDeadline:
    return c.BreachDeadline(cycle, BREACH_AT, late)


Requests = Past[c.Command, State, Event]

NOTHING: Requests = Past(Decider(initial, decide, evolve))
OPEN = NOTHING.after(submit())
RETURNED = OPEN.after(returned())
CLOSED_AS = {
    "confirmed": OPEN.after(confirmed()),
    "rejected": OPEN.after(rejected()),
    "withdrawn": OPEN.after(withdraw()),
    "set_aside": OPEN.after(set_aside()),
}
