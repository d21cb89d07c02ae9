"""Limits in hours: breaks, Fridays, nights, days off and the hours of Ramadan."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import LOCAL
from shared.working_time.deadlines import Limit
from shared.working_time.hours import DayHours, HoursError

CALENDAR = WorkingCalendar.bundled()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("received", "limit", "due"),
    [
        ("2026-11-26T15:00", "3wh", "2026-11-27T09:30"),
        ("2026-11-26T15:00", "1wh", "2026-11-26T16:00"),
        ("2026-11-26T11:00", "1wh", "2026-11-26T12:00"),
        ("2026-11-26T11:00", "2wh", "2026-11-26T14:00"),
        ("2026-11-26T12:30", "1wh", "2026-11-26T14:00"),
        ("2026-11-26T05:00", "1wh", "2026-11-26T08:30"),
        ("2026-11-26T16:00", "1wh", "2026-11-27T08:30"),
        ("2026-11-26T23:59", "1wh", "2026-11-27T08:30"),
        ("2026-11-27T10:30", "2wh", "2026-11-27T14:00"),
        ("2026-11-27T15:30", "1wh", "2026-11-27T16:30"),
        ("2026-11-27T15:30", "2wh", "2026-11-30T08:30"),
        ("2026-11-28T10:00", "1wh", "2026-11-30T08:30"),
        ("2026-12-23T15:00", "2wh", "2026-12-28T08:30"),
        ("2026-11-23T07:30", "7wh", "2026-11-23T15:30"),
        ("2026-11-23T07:30", "75wh", "2026-12-04T16:30"),
        ("2026-02-19T14:00", "2wh", "2026-02-20T09:00"),
        ("2026-02-19T11:00", "2wh", "2026-02-19T13:30"),
        ("2026-02-20T11:00", "2wh", "2026-02-20T14:00"),
        ("2026-02-20T15:00", "1wh", "2026-02-23T08:30"),
        ("2026-02-18T15:30", "1wh", "2026-02-19T08:30"),
        ("2026-03-17T14:30", "1wh", "2026-03-25T08:00"),
    ],
)
def test_only_office_hours_count(received: str, limit: str, due: str) -> None:
    deadline = CALENDAR.due(local(received), Limit.parse(limit))
    assert deadline.due_at == local(due)
    assert deadline.breach_at == local(due)
    assert deadline.due_on == local(due).date()


def test_seconds_of_receipt_are_kept() -> None:
    at = local("2026-11-26T15:00") + timedelta(seconds=7, microseconds=1)
    due_at = local("2026-11-27T09:30") + timedelta(seconds=7, microseconds=1)
    assert CALENDAR.due(at, Limit(3, "wh")).due_at == due_at


def test_instants_come_back_in_utc() -> None:
    deadline = CALENDAR.due(local("2026-11-26T15:00"), Limit(3, "wh"))
    assert deadline.breach_at.tzinfo is UTC


def test_a_limit_in_hours_names_the_days_it_passed_over() -> None:
    skipped = CALENDAR.due(local("2026-12-23T15:00"), Limit(2, "wh")).skipped
    assert [str(day.on) for day in skipped] == [
        "2026-12-24",
        "2026-12-25",
        "2026-12-26",
        "2026-12-27",
    ]


def test_hours_received_on_a_day_off_name_that_day_too() -> None:
    skipped = CALENDAR.due(local("2026-11-28T10:00"), Limit(1, "wh")).skipped
    assert [day.on for day in skipped] == [date(2026, 11, 28), date(2026, 11, 29)]


@pytest.mark.parametrize(
    ("monday", "hours"), [(date(2026, 11, 23), 37.5), (date(2026, 2, 23), 32.5)]
)
def test_a_week_has_the_hours_of_perpres_21_of_2023(monday: date, hours: float) -> None:
    days = [monday + timedelta(days=number) for number in range(7)]
    periods = [period for on in days for period in CALENDAR.periods_on(on)]
    worked = sum((period.ends_at - period.begins_at for period in periods), timedelta())
    assert worked == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("first", "last"), [("2026-02-19", "2026-03-17"), ("2027-02-08", "2027-03-05")]
)
def test_ramadan_hours_begin_and_end_with_the_season(first: str, last: str) -> None:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    for on in (begin, end):
        opens_at = CALENDAR.periods_on(on)[0].begins_at.astimezone(LOCAL)
        assert opens_at.time() == time(8)
    before = CALENDAR.periods_on(CALENDAR.last_working_day_before(begin))[0].begins_at
    assert before.astimezone(LOCAL).time() == time(7, 30)
    after = CALENDAR.periods_on(date(end.year, 4, 5))
    assert all(period.begins_at.astimezone(LOCAL).time() != time(8) for period in after)


def test_a_day_off_has_no_working_periods() -> None:
    assert CALENDAR.periods_on(date(2026, 11, 28)) == ()


@pytest.mark.parametrize(
    "hours",
    [
        (time(16), time(12), time(13), time(7, 30)),
        (time(7, 30), time(13), time(12), time(16)),
        (time(7, 30), time(7, 30), time(13), time(16)),
        (time(7, 30), time(12), time(16), time(16)),
    ],
)
def test_hours_out_of_order_are_refused(hours: tuple[time, time, time, time]) -> None:
    with pytest.raises(HoursError, match="out of order"):
        DayHours(*hours)
