"""Every arithmetic row of DOMAIN section 4, through `datacloud due --json` and by hand."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.cli import app
from shared.working_time.days import DayOff, NoWorkingDayError, local_date
from shared.working_time.deadlines import Limit
from shared.working_time.office_times import warnings

CALENDAR = WorkingCalendar.bundled()

ROWS = [
    ("2026-11-23T10:00+07:00", "5wd", "2026-11-30", "the date of receipt does not count"),
    ("2026-11-20T16:29+07:00", "5wd", "2026-11-27", "friday before closing"),
    ("2026-11-21T09:00+07:00", "5wd", "2026-11-27", "weekend receipt"),
    ("2026-11-22T17:05Z", "5wd", "2026-11-30", "monday 00:05 local is sunday in UTC"),
    ("2026-11-20T17:00:00Z", "5wd", "2026-11-27", "saturday 00:00 local is friday in UTC"),
    ("2026-05-11T10:00+07:00", "5wd", "2026-05-20", "holiday and joint leave"),
    ("2026-03-17T14:00+07:00", "5wd", "2026-03-31", "joint leave forgotten gives 25 March"),
    ("2026-03-10T09:00+07:00", "14wd", "2026-04-07", "all of Idul Fitri within the limit"),
    ("2026-03-21T08:00+07:00", "5wd", "2026-03-31", "holiday on a saturday"),
    ("2026-05-26T10:00+07:00", "5wd", "2026-06-05", "two holidays around a weekend"),
    ("2026-12-24T09:00+07:00", "5wd", "2027-01-04", "year change and joint leave"),
    ("2026-11-23T10:00+07:00", "60wd", "2027-02-22", "calendar days give 15 February"),
    ("2024-02-28T10:00+07:00", "5wd", "2024-03-06", "leap day"),
    ("2021-05-10T09:00+07:00", "5wd", "2021-05-20", "two holidays on one day"),
    ("2026-12-23T15:59+07:00", "1wd", "2026-12-28", "a request before christmas"),
    ("2026-03-17T16:00+07:00", "1wd", "2026-03-25", "one working day is eight days long"),
    ("2026-12-01T08:00+07:00", "14wd", "2026-12-21", "completed on 1 December starts anew"),
    ("2026-11-23T10:00+07:00", "14wd", "2026-12-11", "the same complaint without incompleteness"),
]


def asked(*arguments: str) -> dict[str, object]:
    """What `datacloud due --json` answers."""
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(("received", "limit", "due_on", "catches"), ROWS)
def test_a_limit_in_days_ends_as_the_law_says(
    received: str, limit: str, due_on: str, catches: str
) -> None:
    answer = asked("--received", received, "--limit", limit)
    assert answer["due_on"] == due_on, catches
    assert answer["due_at"] is None
    next_day = date.fromisoformat(due_on) + timedelta(days=1)
    assert answer["breach_at"] == f"{next_day}T00:00:00+07:00"
    assert answer["provisional"] is False


def test_a_deadline_that_reaches_a_year_without_decree_is_provisional() -> None:
    answer = asked("--received", "2027-12-01T10:00+07:00", "--limit", "60wd")
    assert (answer["due_on"], answer["provisional"]) == ("2028-02-25", True)


def test_three_working_hours_from_thursday_afternoon_end_on_friday_morning() -> None:
    answer = asked("--received", "2026-11-26T15:00+07:00", "--limit", "3wh")
    assert answer["due_on"] == "2026-11-27"
    assert answer["due_at"] == answer["breach_at"] == "2026-11-27T09:30:00+07:00"


def test_the_keys_of_the_answer_are_those_of_the_interface() -> None:
    answer = asked("--received", "2026-11-23T10:00+07:00", "--limit", "5wd")
    assert list(answer) == ["due_on", "due_at", "breach_at", "provisional", "skipped"]
    assert answer["skipped"] == [
        {"date": "2026-11-28", "kind": "weekend", "reason": "Sabtu", "decree": None},
        {"date": "2026-11-29", "kind": "weekend", "reason": "Minggu", "decree": None},
    ]


@pytest.mark.parametrize(
    ("known_on", "due_on"),
    [("2025-08-06", "2025-08-26"), ("2025-08-07", "2025-08-27"), ("2026-11-24", "2025-08-27")],
)
def test_joint_leave_decided_on_7_august_2025_moves_what_was_filed_the_day_before(
    known_on: str, due_on: str
) -> None:
    filed = ("--received", "2025-08-06T10:00+07:00", "--limit", "14wd")
    assert asked(*filed, "--calendar-as-of", known_on)["due_on"] == due_on


@pytest.mark.parametrize(
    ("known_on", "due_on"), [("2022-04-25", "2022-05-05"), ("2022-04-26", "2022-05-11")]
)
def test_joint_leave_of_2022_was_signed_on_26_april(known_on: str, due_on: str) -> None:
    filed = ("--received", "2022-04-26T10:00+07:00", "--limit", "5wd")
    assert asked(*filed, "--calendar-as-of", known_on)["due_on"] == due_on


@pytest.mark.parametrize(("limit", "due_on"), [("60wd", "2027-02-22"), ("5wd", "2026-11-30")])
def test_reclassification_keeps_the_date_of_receipt(limit: str, due_on: str) -> None:
    filed = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert str(CALENDAR.due(filed, Limit.parse(limit)).due_on) == due_on


def test_the_last_second_of_the_due_date_is_on_time_and_midnight_is_not() -> None:
    deadline = CALENDAR.due(datetime(2026, 11, 23, 3, tzinfo=UTC), Limit(5, "wd"))
    last_second = datetime(2026, 11, 30, 16, 59, 59, tzinfo=UTC)
    assert last_second < deadline.breach_at
    assert last_second + timedelta(seconds=1) == deadline.breach_at


def test_the_warning_before_25_march_2026_goes_on_17_march_at_eight() -> None:
    filed = datetime(2026, 3, 11, 3, tzinfo=UTC)
    limit = Limit(5, "wd")
    deadline = CALENDAR.due(filed, limit)
    assert deadline.due_on == date(2026, 3, 25)
    first, last = warnings(CALENDAR, filed, limit, deadline)
    assert first.at == datetime(2026, 3, 17, 1, tzinfo=UTC)
    assert local_date(last.at) == deadline.due_on


@pytest.mark.parametrize("limit", ["1wd", "60wd", "1wh", "60wh"])
def test_a_calendar_without_any_working_day_is_an_error(limit: str) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    closed = replace(
        CALENDAR,
        years=(2026,),
        days_off=tuple(DayOff(on, "Tutup", "local") for on in days),
    )
    with pytest.raises(NoWorkingDayError, match="tidak memuat satu pun hari kerja"):
        closed.due(datetime(2026, 3, 2, tzinfo=UTC), Limit.parse(limit))
