"""Laws of the count, and an independent slow reference that knows the `holidays` package only."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import holidays
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import AddedDay, Amendment, local_date
from shared.working_time.deadlines import Limit

CALENDAR = WorkingCalendar.bundled()
CATEGORIES = ("public", "government")
MINUTES_A_DAY = 24 * 60
WEST_INDONESIA_MINUTES = 7 * 60
RAMADAN = {
    date(2021, 4, 13): 30,
    date(2022, 4, 3): 29,
    date(2023, 3, 23): 30,
    date(2024, 3, 12): 29,
    date(2025, 3, 1): 30,
    date(2026, 2, 19): 30,
    date(2027, 2, 8): 30,
    date(2028, 1, 28): 30,
}
FASTING = {begin + timedelta(n) for begin, length in RAMADAN.items() for n in range(length)}

RECEIPTS = st.datetimes(
    min_value=datetime(2021, 1, 1),  # noqa: DTZ001 - hypothesis adds the time zone
    max_value=datetime(2027, 12, 31, 23, 59),  # noqa: DTZ001 - hypothesis adds the time zone
    timezones=st.just(UTC),
)
DAYS = st.integers(1, 90)
HOURS = st.integers(1, 30)
LAWS = settings(deadline=None, max_examples=200)


@cache
def off(year: int) -> frozenset[str]:
    """Dates off by the package, as text."""
    found = holidays.country_holidays("ID", years=year, categories=CATEGORIES)
    return frozenset(str(on) for on in found)


def slow_is_working(on: date) -> bool:
    return on.strftime("%a") not in ("Sat", "Sun") and str(on) not in off(on.year)


def slow_due_on(received_at: datetime, count: int) -> date:
    """Walk day by day from the local date of receipt."""
    on = (received_at + timedelta(hours=7)).date()
    while count:
        on = on + timedelta(days=1)
        count -= slow_is_working(on)
    return on


def slow_is_worked(on: date, minute: int) -> bool:
    """Whether the office works in that minute of the day."""
    friday = on.strftime("%a") == "Fri"
    if on in FASTING:
        opens, closes = 480, 930 if friday else 900
        rest = range(690, 750) if friday else range(720, 750)
    else:
        opens, closes = 450, 990 if friday else 960
        rest = range(690, 780) if friday else range(720, 780)
    return slow_is_working(on) and opens <= minute < closes and minute not in rest


def slow_due_at(received_at: datetime, hours: int) -> datetime:
    """Walk minute by minute; whole minutes only."""
    epoch = datetime(2020, 1, 1, tzinfo=UTC)
    minute = int((received_at - epoch).total_seconds()) // 60 + WEST_INDONESIA_MINUTES
    left = hours * 60
    while left:
        days, of_day = divmod(minute, MINUTES_A_DAY)
        on = date(2020, 1, 1) + timedelta(days=days)
        if not slow_is_working(on):
            minute += MINUTES_A_DAY - of_day
            continue
        left -= slow_is_worked(on, of_day)
        minute += 1
    return epoch + timedelta(minutes=minute - WEST_INDONESIA_MINUTES)


@LAWS
@given(RECEIPTS, DAYS)
def test_the_slow_reference_agrees_on_every_limit_in_days(at: datetime, count: int) -> None:
    deadline = CALENDAR.due(at, Limit(count, "wd"))
    assert deadline.due_on == slow_due_on(at, count)
    next_midnight = datetime.combine(deadline.due_on, time(17), UTC)
    assert deadline.breach_at == next_midnight
    assert deadline.due_at is None


@settings(deadline=None, max_examples=60)  # the reference walks minute by minute
@given(RECEIPTS, HOURS)
def test_the_slow_reference_agrees_on_every_limit_in_hours(at: datetime, count: int) -> None:
    whole = at.replace(second=0, microsecond=0)
    deadline = CALENDAR.due(whole, Limit(count, "wh"))
    assert deadline.due_at == slow_due_at(whole, count)
    assert deadline.breach_at == deadline.due_at
    assert deadline.due_on == local_date(deadline.breach_at)


@LAWS
@given(RECEIPTS, DAYS)
def test_more_days_end_later_and_always_on_a_working_day(at: datetime, count: int) -> None:
    sooner = CALENDAR.due(at, Limit(count, "wd")).due_on
    later = CALENDAR.due(at, Limit(count + 1, "wd")).due_on
    assert local_date(at) < sooner < later
    assert CALENDAR.is_working_day(sooner)


@LAWS
@given(RECEIPTS, RECEIPTS, DAYS, st.sampled_from(["wd", "wh"]))
def test_later_receipt_never_ends_sooner(
    one: datetime, other: datetime, count: int, unit: str
) -> None:
    limit = Limit.parse(f"{count}{unit}")
    first, second = sorted((one, other))
    assert CALENDAR.due(first, limit).breach_at <= CALENDAR.due(second, limit).breach_at


@LAWS
@given(RECEIPTS, DAYS, DAYS)
def test_counting_in_two_parts_gives_the_whole(at: datetime, first: int, second: int) -> None:
    midway = CALENDAR.due(at, Limit(first, "wd")).due_on
    rest = CALENDAR.working_day_after(midway, second)
    assert CALENDAR.due(at, Limit(first + second, "wd")).due_on == rest


@LAWS
@given(RECEIPTS, HOURS, HOURS)
def test_hours_in_two_parts_give_the_whole(at: datetime, first: int, second: int) -> None:
    midway = CALENDAR.due(at, Limit(first, "wh")).due_at
    assert midway is not None
    rest = CALENDAR.due(midway, Limit(second, "wh")).due_at
    assert CALENDAR.due(at, Limit(first + second, "wh")).due_at == rest


@LAWS
@given(RECEIPTS, DAYS)
def test_counted_and_skipped_days_together_are_all_days(at: datetime, count: int) -> None:
    deadline = CALENDAR.due(at, Limit(count, "wd"))
    assert (deadline.due_on - local_date(at)).days == count + len(deadline.skipped)
    assert not any(CALENDAR.is_working_day(day.on) for day in deadline.skipped)


@LAWS
@given(RECEIPTS, DAYS)
def test_only_what_reaches_into_2028_is_provisional(at: datetime, count: int) -> None:
    deadline = CALENDAR.due(at, Limit(count, "wd"))
    assert deadline.provisional == (deadline.due_on.year == 2028)


@LAWS
@given(RECEIPTS, DAYS, st.dates(date(2021, 1, 1), date(2028, 6, 30)))
def test_a_day_off_more_never_brings_a_deadline_forward(at: datetime, count: int, on: date) -> None:
    assume(CALENDAR.is_working_day(on))
    decree = Amendment("SKB", date(2020, 1, 1), added=(AddedDay(on, "Libur", "joint_leave"),))
    amended = CALENDAR.amended(decree)
    limit = Limit(count, "wd")
    before, after = CALENDAR.due(at, limit).due_on, amended.due(at, limit).due_on
    assert (after > before) == (local_date(at) < on <= before)
    assert after >= before
