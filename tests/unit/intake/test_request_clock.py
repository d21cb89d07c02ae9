"""The clock of a request ends once per cycle, at the legal instant, whenever that is noticed (DOMAIN 4: 1-4, 11)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake import commands as c
from services.intake import events as e
from services.intake.publication import to_public
from services.intake.schedule import due, to_command
from services.intake.state import Closed
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.store import SetDue
from tests.support.given import names, told, waiting
from tests.support.requests import BREACH_AT, DUE_ON, MONDAY
from tests.unit.intake import cases
from tests.unit.intake.cases import OPEN, RETURNED, SOON, TOO_LATE, Requests

A_MOMENT = timedelta(microseconds=1)


def closing(past: Requests) -> e.RequestClosed:
    (closed,) = [event for event in past.events if isinstance(event, e.RequestClosed)]
    return closed


def test_a_deadline_that_passes_is_breached_once_with_the_legal_instant() -> None:
    (breached,) = OPEN.when(cases.breach(late=True))
    assert breached == e.DeadlineBreached(1, DUE_ON, BREACH_AT, late=True)
    assert OPEN.after(cases.breach()).when(cases.breach()) == []


@pytest.mark.parametrize("past", [cases.NOTHING, RETURNED, *cases.CLOSED_AS.values()])
def test_a_clock_that_does_not_run_is_never_breached(past: Requests) -> None:
    assert past.when(cases.breach()) == []


def test_the_breach_of_an_earlier_cycle_is_pointless_in_the_next() -> None:
    assert RETURNED.after(cases.resubmit()).when(cases.breach(cycle=1)) == []


@pytest.mark.parametrize(
    ("sent_at", "on_time"), [(BREACH_AT - A_MOMENT, True), (BREACH_AT, False), (TOO_LATE, False)]
)
@pytest.mark.parametrize("breach_noticed", ["before", "after", "never"])
def test_the_moment_of_sending_decides_and_not_when_anything_is_heard(
    sent_at: datetime, on_time: bool, breach_noticed: str
) -> None:
    past = OPEN.after(cases.breach()) if breach_noticed == "before" else OPEN
    past = past.after(cases.confirmed(sent_at))
    past = past.after(cases.breach()) if breach_noticed == "after" else past
    assert closing(past).on_time is on_time
    breaches = names(past.events).count("DeadlineBreached")
    revocations = names(past.events).count("DeadlineBreachRevoked")
    assert breaches - revocations == (0 if on_time else 1)


def test_a_breach_is_taken_back_once_when_the_letter_had_gone_out_in_time() -> None:
    past = OPEN.after(cases.breach(), cases.confirmed(SOON))
    assert names(past.events[-3:]) == [
        "ConfirmationNoted",
        "DeadlineBreachRevoked",
        "RequestClosed",
    ]
    assert past.when(cases.confirmed(SOON)) == []


@pytest.mark.parametrize("proof", [cases.confirmed, cases.returned, cases.rejected])
@pytest.mark.parametrize("end", [cases.withdraw, cases.set_aside, cases.rejected])
def test_what_stopped_the_clock_in_time_takes_the_breach_back_even_after_the_end(
    end: Callable[[datetime], c.Command], proof: Callable[[datetime], c.Command]
) -> None:
    for breached in (OPEN.after(cases.breach(), end(TOO_LATE)), OPEN.after(end(TOO_LATE))):
        assert not closing(breached).on_time
        assert breached.when(proof(BREACH_AT)) == [], "late is late"
        after = breached.after(proof(SOON))
        assert after.events[len(breached.events) :] == (e.DeadlineBreachRevoked(1, SOON),)
        assert after.when(proof(SOON)) == []
        assert isinstance(after.state, Closed)
        assert isinstance(breached.state, Closed)
        assert after.state.outcome == breached.state.outcome
        assert not after.state.request.breached


def test_what_stopped_an_earlier_clock_in_time_proves_nothing_of_the_present_one() -> None:
    second = RETURNED.after(cases.resubmit(), cases.breach(2), cases.withdraw(TOO_LATE))
    assert isinstance(second.state, Closed)
    assert second.state.request.breached
    assert second.when(cases.returned(SOON)) == second.when(cases.rejected(SOON)) == []


def test_a_late_rejection_is_noticed_as_a_late_breach_before_the_end() -> None:
    *_, breached, closed = OPEN.when(cases.rejected(TOO_LATE))
    assert breached == e.DeadlineBreached(1, DUE_ON, BREACH_AT, late=True)
    assert isinstance(closed, e.RequestClosed)
    assert not closed.on_time


def test_a_return_stops_the_clock_and_a_late_return_does_not_heal_the_breach() -> None:
    assert names(OPEN.when(cases.returned(TOO_LATE))) == ["ReviewNoted", "DeadlineBreached"]
    late = OPEN.after(cases.breach(), cases.returned(TOO_LATE), cases.resubmit(TOO_LATE))
    assert not closing(late.after(cases.confirmed(TOO_LATE))).on_time


def test_a_request_without_a_deadline_is_no_history_of_ours() -> None:
    without_clock = replace(OPEN, events=OPEN.events[:1])
    with pytest.raises(TypeError, match="has a deadline"):
        without_clock.when(cases.withdraw())


def test_a_stopped_clock_is_not_stopped_again() -> None:
    assert names(RETURNED.when(cases.withdraw())) == ["RequestWithdrawn", "RequestClosed"]


# --------------------------------------------------------------------------------------------- due work


def test_a_running_clock_has_one_entry_and_an_ended_one_has_none() -> None:
    assert waiting(OPEN, due) == {
        "deadline:1": SetDue("deadline:1", "deadline", BREACH_AT, {"cycle": 1})
    }
    assert waiting(RETURNED, due) == {}
    assert list(waiting(RETURNED.after(cases.resubmit()), due)) == ["deadline:2"]
    assert waiting(OPEN.after(cases.breach()), due) == {}
    for closed in cases.CLOSED_AS.values():
        after = closed.after(cases.approved(), cases.activated(), cases.failed())
        assert waiting(after, due) == {}


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (1, False), (2, True)])
def test_due_work_becomes_a_command_at_the_due_instant(minutes: int, late: bool) -> None:
    claimed_at = BREACH_AT + timedelta(minutes=minutes)
    token = UUID(int=1)
    entry = Due("r", "deadline:2", "deadline", BREACH_AT, {"cycle": 2}, 0, token, {}, claimed_at)
    assert to_command(entry) == c.BreachDeadline(2, BREACH_AT, late)


# ------------------------------------------------------------------------------------------- properties

INSTANTS = st.sampled_from(
    [SOON, BREACH_AT - A_MOMENT, BREACH_AT, TOO_LATE, MONDAY + timedelta(days=9)]
)
CYCLES = st.integers(1, 3)
ANYTHING: st.SearchStrategy[c.Command] = st.one_of(
    st.builds(cases.resubmit, INSTANTS),
    st.builds(cases.withdraw, INSTANTS),
    st.builds(cases.set_aside, INSTANTS),
    st.builds(cases.approved, INSTANTS, CYCLES),
    st.builds(cases.returned, INSTANTS, CYCLES),
    st.builds(cases.rejected, INSTANTS, CYCLES),
    st.builds(cases.activated),
    st.builds(cases.failed),
    st.builds(cases.confirmed, INSTANTS),
    st.builds(cases.breach, CYCLES, late=st.booleans()),
)


@given(st.lists(ANYTHING, max_size=25))
def test_whatever_happens_each_clock_ends_at_most_once_and_a_request_closes_once(
    commands: list[c.Command],
) -> None:
    past = OPEN
    for command in commands:
        try:
            past = past.after(command)
        except Refused:
            continue
    ends: Counter[tuple[str, int]] = Counter()
    for event in past.events:
        if isinstance(event, e.DeadlineStopped | e.DeadlineBreached | e.DeadlineBreachRevoked):
            ends[(type(event).__name__, event.cycle)] += 1
    assert all(times == 1 for times in ends.values())
    for name, cycle in ends:
        assert name != "DeadlineBreachRevoked" or ends[("DeadlineBreached", cycle)]
        assert name != "DeadlineStopped" or not ends[("DeadlineBreached", cycle)]
    assert names(past.events).count("RequestClosed") == isinstance(past.state, Closed)
    told(past, to_public)


HEARD = [cases.approved(), cases.failed(), cases.activated(), cases.confirmed(), cases.breach()]


@given(st.permutations(HEARD), st.lists(st.sampled_from(HEARD)))
def test_in_whatever_order_and_however_often_it_is_heard_the_end_is_the_same(
    order: list[c.Command], again: list[c.Command]
) -> None:
    past = OPEN.after(*order, *again)
    assert isinstance(past.state, Closed)
    assert (past.state.outcome, closing(past).on_time) == ("confirmed", True)
    assert past.state.request.approved
    assert past.state.request.activation == "active"
    assert not past.state.request.breached


STOPPED_BY = st.sampled_from([cases.returned, cases.rejected, cases.confirmed])


@given(STOPPED_BY, INSTANTS, st.data())
def test_in_whatever_order_an_end_and_what_stopped_the_clock_are_heard_the_verdict_is_the_same(
    stopped_by: Callable[[datetime], c.Command], at: datetime, data: st.DataObject
) -> None:
    known: list[c.Command] = [cases.approved(), cases.activated(), cases.breach(), stopped_by(at)]
    known.append(cases.withdraw(TOO_LATE))
    past = OPEN
    for command in data.draw(st.permutations(known)) + data.draw(st.lists(st.sampled_from(known))):
        try:
            past = past.after(command)
        except Refused:
            assert isinstance(past.state, Closed)
    assert isinstance(past.state, Closed)
    assert past.state.request.breached is (at >= BREACH_AT)
    assert names(past.events).count("DeadlineBreachRevoked") <= 1
