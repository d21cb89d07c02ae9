"""What may be done to a request, phase by phase."""

from datetime import timedelta

import pytest

from services.intake.commands import Command
from services.intake.events import (
    EVENTS,
    ActivationNoted,
    DeadlineSet,
    RequestResubmitted,
    RequestSubmitted,
)
from services.intake.forms import REFUSALS
from services.intake.state import Closed, Open, Returned, evolve, initial
from shared.web.problems import refusal_problem
from tests.support.given import names, read_back
from tests.support.requests import BREACH_AT, DUE_ON, MONDAY, REGISTRAR_ID
from tests.unit.intake.cases import (
    CLOSED_AS,
    NOTHING,
    OPEN,
    RETURNED,
    SOON,
    Requests,
    activated,
    approved,
    breach,
    confirmed,
    failed,
    rejected,
    resubmit,
    returned,
    set_aside,
    submit,
    withdraw,
)


def test_a_letter_is_registered_and_its_clock_runs_from_its_receipt() -> None:
    typed_in = MONDAY + timedelta(days=1)
    filed, deadline = NOTHING.when(submit(at=typed_in))
    assert isinstance(filed, RequestSubmitted)
    assert (filed.received_at, filed.registered_at) == (MONDAY, typed_in)
    assert filed.registered_by == REGISTRAR_ID
    assert deadline == DeadlineSet(1, DUE_ON, BREACH_AT, provisional=False, calendar_version=1)


def test_a_letter_filed_by_the_agency_itself_is_received_as_it_arrives() -> None:
    filed, _ = NOTHING.when(submit(received_at=None, registered_by=None))
    assert isinstance(filed, RequestSubmitted)
    assert filed.received_at == MONDAY


def test_a_letter_cannot_have_been_received_tomorrow() -> None:
    tomorrow = MONDAY + timedelta(days=1)
    assert NOTHING.refuses(submit(received_at=tomorrow)).code == "received_in_future"
    assert RETURNED.refuses(resubmit(received_at=tomorrow)).code == "received_in_future"


def test_a_completed_file_cannot_have_been_received_before_its_return() -> None:
    moment = timedelta(microseconds=1)
    too_early = resubmit(at=SOON + moment, received_at=SOON - moment)
    assert RETURNED.refuses(too_early).code == "received_before_return"
    told = refusal_problem("received_before_return", REFUSALS["received_before_return"], {})
    assert (told.status, [each.field for each in told.errors]) == (422, ["received_at"])
    (back, _) = RETURNED.when(resubmit(at=SOON + moment, received_at=SOON))
    assert isinstance(back, RequestResubmitted)
    assert back.received_at == SOON


def test_an_officer_who_registers_a_completion_stands_in_the_event() -> None:
    (by_officer, _) = RETURNED.when(resubmit(registered_by=REGISTRAR_ID))
    (by_agency, _) = RETURNED.when(resubmit())
    assert isinstance(by_officer, RequestResubmitted)
    assert isinstance(by_agency, RequestResubmitted)
    assert (by_officer.registered_by, by_agency.registered_by) == (REGISTRAR_ID, None)


def test_a_letter_from_before_the_working_calendar_is_refused() -> None:
    long_ago = MONDAY.replace(year=2001)
    assert NOTHING.refuses(submit(received_at=long_ago)).code == "outside_calendar"


def test_a_request_is_filed_once() -> None:
    assert OPEN.refuses(submit()).code == "already_submitted"


def test_a_returned_request_comes_back_as_a_new_cycle_with_a_new_clock() -> None:
    later = MONDAY + timedelta(days=2)
    back, deadline = RETURNED.when(resubmit(at=later))
    assert names([back, deadline]) == ["RequestResubmitted", "DeadlineSet"]
    assert isinstance(deadline, DeadlineSet)
    assert (deadline.cycle, deadline.due_on) == (2, DUE_ON + timedelta(days=2))
    state = RETURNED.after(resubmit(at=later)).state
    assert isinstance(state, Open)
    assert state.request.first_due_on == DUE_ON, "the first promise is remembered"


@pytest.mark.parametrize("past", [NOTHING, OPEN, *CLOSED_AS.values()])
def test_only_a_returned_request_can_be_completed(past: Requests) -> None:
    assert past.refuses(resubmit()).code == "not_returned"


@pytest.mark.parametrize(
    "command",
    [withdraw(), set_aside(), approved(), activated(), failed(), confirmed()],
    ids=lambda command: type(command).__name__,
)
def test_nothing_can_be_said_of_a_request_that_was_never_filed(command: Command) -> None:
    assert NOTHING.refuses(command).code == "unknown_request"


@pytest.mark.parametrize("past", [OPEN, RETURNED])
@pytest.mark.parametrize(
    ("command", "outcome"), [(withdraw(), "withdrawn"), (set_aside(), "set_aside")]
)
def test_an_open_or_returned_request_ends_when_it_is_withdrawn_or_set_aside(
    past: Requests, command: Command, outcome: str
) -> None:
    after = past.after(command)
    assert isinstance(after.state, Closed)
    assert after.state.outcome == outcome
    assert after.when(command) == [], "asked twice, the first answer stands"


@pytest.mark.parametrize("outcome", CLOSED_AS)
def test_a_closed_request_can_no_longer_be_withdrawn_or_set_aside(outcome: str) -> None:
    for command, own in ((withdraw(), "withdrawn"), (set_aside(), "set_aside")):
        if outcome != own:
            assert CLOSED_AS[outcome].refuses(command).code == "request_closed"


def test_an_approval_changes_the_request_only_when_the_account_follows() -> None:
    after = OPEN.after(approved(), activated(), confirmed())
    assert names(after.events[2:]) == [
        "ReviewNoted",
        "ActivationNoted",
        "ConfirmationNoted",
        "DeadlineStopped",
        "RequestClosed",
    ]
    assert isinstance(after.state, Closed)
    assert after.state.request.approved
    assert after.state.request.activation == "active"


def test_a_failed_activation_is_shown_until_the_account_is_there() -> None:
    waiting = OPEN.after(failed()).state
    assert isinstance(waiting, Open)
    assert waiting.request.activation == "failed"
    there = OPEN.after(activated(), failed()).state
    assert isinstance(there, Open)
    assert there.request.activation == "active", "a failure heard after the success changes nothing"


def test_a_returned_request_is_with_the_agency_and_has_no_clock_running() -> None:
    assert names(OPEN.when(returned())) == ["ReviewNoted", "DeadlineStopped"]
    assert isinstance(RETURNED.state, Returned)


def test_a_rejection_ends_the_request() -> None:
    assert names(OPEN.when(rejected())) == ["ReviewNoted", "DeadlineStopped", "RequestClosed"]


@pytest.mark.parametrize("past", CLOSED_AS.values())
def test_what_is_heard_after_the_end_opens_nothing_again(past: Requests) -> None:
    assert past.when(confirmed()) == []
    assert past.when(returned()) == past.when(rejected()) == []
    assert names(past.when(approved())) == ["ReviewNoted"], "an approval is part of the record"
    assert past.when(activated()) == [ActivationNoted(SOON)]
    after = past.after(approved(), activated(), failed())
    assert isinstance(after.state, Closed)
    assert after.state.outcome == getattr(past.state, "outcome", None)


def test_the_decision_on_an_earlier_cycle_does_not_touch_the_present_one() -> None:
    second = RETURNED.after(resubmit())
    assert second.when(rejected(cycle=1)) == second.when(returned(cycle=1)) == []


def test_the_reason_of_a_withdrawal_survives_an_approval_heard_later() -> None:
    withdrawn = OPEN.after(withdraw(), approved()).state
    assert isinstance(withdrawn, Closed)
    assert withdrawn.request.text_id is not None


def test_history_is_read_back_from_the_store_as_it_was() -> None:
    everything = [
        *RETURNED.after(resubmit(), failed(), activated(), breach(2), confirmed()).events,
        *CLOSED_AS["withdrawn"].events,
        *CLOSED_AS["set_aside"].events,
    ]
    assert set(map(type, everything)) == set(EVENTS), "every kind of event is read back here"
    assert read_back(EVENTS, everything) == everything


def test_a_history_cannot_begin_in_the_middle() -> None:
    with pytest.raises(TypeError, match="cannot be the first event"):
        evolve(initial(), ActivationNoted(SOON))
