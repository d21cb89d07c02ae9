"""Mails and warnings go at 08:00 on working days; offices open in the morning."""

from datetime import UTC, date, datetime

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import LOCAL
from shared.working_time.deadlines import Deadline, Limit
from shared.working_time.office_times import (
    escalation_times,
    is_office_open,
    next_mail_time,
    next_office_opening,
    warnings,
)

CALENDAR = WorkingCalendar.bundled()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


def planned(received: str, limit: str, moved_on: date | None = None) -> list[tuple[str, str]]:
    received_at, parsed = local(received), Limit.parse(limit)
    deadline = CALENDAR.due(received_at, parsed)
    return [
        (warning.stage, warning.at.astimezone(LOCAL).isoformat()[:16])
        for warning in warnings(CALENDAR, received_at, parsed, deadline, moved_on)
    ]


@pytest.mark.parametrize(
    ("at", "goes"),
    [
        ("2026-11-24T07:59", "2026-11-24T08:00"),
        ("2026-11-24T08:00", "2026-11-24T08:00"),
        ("2026-11-24T08:00:01", "2026-11-25T08:00"),
        ("2026-11-27T09:00", "2026-11-30T08:00"),
        ("2026-12-01T00:00", "2026-12-01T08:00"),
        ("2026-12-24T00:00", "2026-12-28T08:00"),
        ("2026-03-17T20:00", "2026-03-25T08:00"),
    ],
)
def test_a_mail_waits_for_eight_on_a_working_day(at: str, goes: str) -> None:
    found = next_mail_time(CALENDAR, local(at))
    assert found == local(goes)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-24T06:00", "2026-11-24T07:30"),
        ("2026-11-24T07:30", "2026-11-24T07:30"),
        ("2026-11-24T07:31", "2026-11-25T07:30"),
        ("2026-11-24T12:30", "2026-11-25T07:30"),
        ("2026-11-28T12:00", "2026-11-30T07:30"),
        ("2026-02-18T18:00", "2026-02-19T08:00"),
    ],
)
def test_the_next_opening_is_a_morning(at: str, opens: str) -> None:
    assert next_office_opening(CALENDAR, local(at)) == local(opens)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-24T07:29:59", False),
        ("2026-11-24T07:30", True),
        ("2026-11-24T12:00", False),
        ("2026-11-24T13:00", True),
        ("2026-11-24T16:00", False),
        ("2026-11-28T10:00", False),
    ],
)
def test_the_office_is_closed_in_breaks_at_night_and_on_days_off(at: str, *, is_open: bool) -> None:
    assert is_office_open(CALENDAR, local(at)) is is_open


def test_each_step_of_the_ladder_is_one_working_day_later() -> None:
    steps = escalation_times(CALENDAR, local("2026-12-23T00:00"), 3)
    assert [at.astimezone(LOCAL).isoformat()[:16] for at in steps] == [
        "2026-12-23T08:00",
        "2026-12-28T08:00",
        "2026-12-29T08:00",
    ]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_ladder_has_as_many_steps_as_asked(steps: int) -> None:
    assert len(escalation_times(CALENDAR, local("2026-12-23T00:00"), steps)) == steps


def test_a_request_of_one_day_is_warned_about_on_its_due_date_only() -> None:
    assert planned("2026-11-24T10:00", "1wd") == [("due_date", "2026-11-25T08:00")]


def test_a_short_limit_has_no_warning_at_half_time() -> None:
    assert planned("2026-11-23T10:00", "5wd") == [
        ("last_working_day", "2026-11-27T08:00"),
        ("due_date", "2026-11-30T08:00"),
    ]


@pytest.mark.parametrize(
    ("limit", "half_time"),
    [
        ("10wd", "2026-11-30"),
        ("11wd", "2026-12-01"),
        ("14wd", "2026-12-02"),
        ("60wd", "2027-01-08"),
    ],
)
def test_half_time_is_the_middle_working_day_rounded_up(limit: str, half_time: str) -> None:
    stages = planned("2026-11-23T10:00", limit)
    assert [stage for stage, _ in stages] == ["half_time", "last_working_day", "due_date"]
    assert stages[0][1] == f"{half_time}T08:00"


def test_what_falls_on_or_before_the_last_move_is_dropped() -> None:
    kept = planned("2026-11-23T10:00", "14wd", moved_on=date(2026, 12, 2))
    assert [stage for stage, _ in kept] == ["last_working_day", "due_date"]


def test_an_old_move_drops_nothing_more_than_receipt_does() -> None:
    assert planned("2026-11-24T10:00", "1wd", moved_on=date(2026, 1, 1)) != []


def test_hours_that_end_in_the_afternoon_are_warned_about_that_morning() -> None:
    assert planned("2026-11-26T15:00", "3wh") == [("due_date", "2026-11-27T08:00")]


def test_hours_that_end_before_eight_have_no_warning_left() -> None:
    received_at = local("2026-11-26T15:45")
    due_at = local("2026-11-27T07:45").astimezone(UTC)
    deadline = Deadline(date(2026, 11, 27), due_at, due_at, provisional=False, skipped=())
    assert warnings(CALENDAR, received_at, Limit(1, "wh"), deadline) == ()


def test_a_kept_due_date_that_became_a_day_off_is_warned_about_before_it() -> None:
    received_at, due_on = local("2026-12-15T10:00"), date(2026, 12, 24)
    breach_at = local("2026-12-25T00:00")
    kept = Deadline(due_on, None, breach_at, provisional=False, skipped=())
    (warning,) = warnings(CALENDAR, received_at, Limit(5, "wd"), kept)
    assert (warning.stage, warning.at) == ("last_working_day", local("2026-12-23T08:00"))
