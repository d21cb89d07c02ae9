"""A complaint: filed once by any channel, its clock from the day it reached the office, breached once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.complaints import commands as c
from services.complaints.decisions import decide
from services.complaints.events import EVENTS, ComplaintFiled, DeadlineBreached, DeadlineSet, Event
from services.complaints.publication import to_public
from services.complaints.schedule import due, to_command
from services.complaints.state import Filed, State, evolve, initial
from shared.contracts.facts import clock, complaints
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.store import SetDue
from shared.service_standard.standard import load_standard
from shared.working_time.calendar import WorkingCalendar
from shared.working_time.deadlines import Limit
from tests.support.given import Past, names, read_back, told, waiting

Complaints = Past[c.Command, State, Event]

STANDARD = load_standard()
MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DUE_ON, BREACH_AT = date(2026, 11, 30), datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
COMPLAINT_ID, COMPLAINANT_ID, TEXT_ID, OFFICER_ID = (UUID(int=number) for number in range(1, 5))
NOTHING: Complaints = Past(Decider(initial, decide, evolve))


def file(**other: Any) -> c.FileComplaint:  # noqa: ANN401 - any field of the command
    """A complaint by telephone, under the shortest limit until it is classified."""
    limit = STANDARD.shortest_complaint_limit
    said: dict[str, Any] = {
        "complaint_id": COMPLAINT_ID,
        "registration_number": "PGD-2026-000045",
        "channel": "telephone",
        "category": None,
        "text_id": TEXT_ID,
        "complainant_id": COMPLAINANT_ID,
        "confidential": False,
        "request_number": "DC-2026-000123",
        "received_at": MONDAY,
        "registered_by": OFFICER_ID,
        "clock": c.Clock(STANDARD.number, limit, WorkingCalendar.bundled(), 1),
        "at": MONDAY + timedelta(hours=2),
    }
    return c.FileComplaint(**said | other)


def breach(cycle: int = 1) -> c.BreachDeadline:
    return c.BreachDeadline(cycle, BREACH_AT, late=True)


FILED = NOTHING.after(file())
BREACHED = FILED.after(breach())


def test_the_clock_runs_from_the_day_the_complaint_reached_the_office() -> None:
    filed, deadline = FILED.events
    assert isinstance(filed, ComplaintFiled)
    assert filed.registered_at - filed.received_at == timedelta(hours=2)
    assert deadline == DeadlineSet(1, DUE_ON, BREACH_AT, provisional=False, calendar_version=1)


def test_a_complaint_of_the_public_is_received_as_it_arrives() -> None:
    filed, _ = NOTHING.when(file(received_at=None, registered_by=None))
    assert isinstance(filed, ComplaintFiled)
    assert filed.received_at == MONDAY + timedelta(hours=2)


@pytest.mark.parametrize(
    ("category", "due_on"),
    [
        ("minor", date(2026, 11, 30)),
        ("normative", date(2026, 11, 30)),
        ("non_supervisory", date(2026, 12, 11)),
        ("supervisory", date(2027, 2, 22)),
    ],
)
def test_each_category_has_the_limit_of_the_standard(category: str, due_on: date) -> None:
    limit = STANDARD.complaint_limits[category]
    running = c.Clock(STANDARD.number, limit, WorkingCalendar.bundled(), 1)
    _, deadline = NOTHING.when(file(category=category, clock=running))
    assert isinstance(deadline, DeadlineSet)
    assert deadline.due_on == due_on


def test_a_complaint_is_filed_once_and_not_from_the_future_or_from_beyond_the_calendar() -> None:
    assert FILED.refuses(file()).code == "already_filed"
    tomorrow = MONDAY + timedelta(days=1)
    assert NOTHING.refuses(file(received_at=tomorrow)).code == "received_in_future"
    assert NOTHING.refuses(file(received_at=MONDAY.replace(year=2001))).code == "outside_calendar"
    far = c.Clock("SK", Limit(9999, "wd"), WorkingCalendar.bundled(), 1)
    assert NOTHING.refuses(file(clock=far)).code == "outside_calendar"


def test_a_deadline_is_breached_once_with_the_legal_instant() -> None:
    assert FILED.when(breach()) == [DeadlineBreached(1, DUE_ON, BREACH_AT, late=True)]
    assert isinstance(BREACHED.state, Filed)
    assert BREACHED.state.clock
    assert BREACHED.state.clock.breached


@pytest.mark.parametrize("past", [NOTHING, BREACHED])
def test_a_clock_that_does_not_run_is_not_breached(past: Complaints) -> None:
    assert past.when(breach()) == []


def test_the_breach_of_another_cycle_is_pointless() -> None:
    assert FILED.when(breach(cycle=2)) == []


def test_three_facts_are_told_and_none_holds_the_narrative() -> None:
    filed, set_, breached = told(BREACHED, to_public)
    assert isinstance(filed, complaints.ComplaintFiled)
    assert (filed.registration_number, filed.anonymous) == ("PGD-2026-000045", False)
    assert isinstance(set_, clock.DeadlineSet)
    assert isinstance(breached, clock.DeadlineBreached)
    assert set_.subject == breached.subject
    assert (set_.name, set_.received_at, breached.breach_at) == ("settlement", MONDAY, BREACH_AT)
    assert all(str(TEXT_ID) not in fact.model_dump_json() for fact in (filed, set_, breached))


def test_an_anonymous_complaint_says_so_and_names_nobody() -> None:
    anonymous = NOTHING.after(file(complainant_id=None))
    (filed, _) = told(anonymous, to_public)
    assert isinstance(filed, complaints.ComplaintFiled)
    assert (filed.anonymous, filed.complainant_id) == (True, None)


def test_nothing_is_told_of_a_complaint_nobody_filed() -> None:
    assert to_public(FILED.events[1], initial()) is None


def test_a_running_clock_has_one_entry_and_a_breached_one_has_none() -> None:
    entry = SetDue("deadline:1", "deadline", BREACH_AT, {"cycle": 1})
    assert waiting(FILED, due) == {"deadline:1": entry}
    assert waiting(BREACHED, due) == {}


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (1, False), (2, True)])
def test_due_work_becomes_a_command_at_the_due_instant(minutes: int, late: bool) -> None:
    claimed_at, token = BREACH_AT + timedelta(minutes=minutes), UUID(int=9)
    entry = Due("c", "deadline:1", "deadline", BREACH_AT, {"cycle": 1}, 0, token, {}, claimed_at)
    assert to_command(entry) == c.BreachDeadline(1, BREACH_AT, late)


def test_history_is_read_back_from_the_store_as_it_was() -> None:
    assert set(map(type, BREACHED.events)) == set(EVENTS)
    assert read_back(EVENTS, BREACHED.events) == list(BREACHED.events)


def test_a_deadline_needs_a_complaint() -> None:
    with pytest.raises(TypeError, match="needs a complaint"):
        evolve(initial(), FILED.events[1])


@given(st.lists(st.builds(breach, st.integers(1, 3))))
def test_however_often_it_is_noticed_a_complaint_is_breached_once(again: list[c.Command]) -> None:
    past = FILED.after(breach(), *again)
    assert names(past.events).count("DeadlineBreached") == 1
