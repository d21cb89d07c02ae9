"""The calendar answers for single days, and says clearly what it does not know."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import DayOff, NoWorkingDayError, OffsetMissingError, UnknownYearError
from shared.working_time.deadlines import Limit

CALENDAR = WorkingCalendar.bundled()
FIVE_DAYS = Limit(5, "wd")


@pytest.mark.parametrize(
    ("year", "count"),
    [(2022, 246), (2023, 239), (2024, 238), (2025, 237), (2026, 240), (2027, 242)],
)
def test_working_days_of_a_year_are_as_many_as_published(year: int, count: int) -> None:
    assert len(CALENDAR.working_days_in(year)) == count


def test_the_bundled_calendar_covers_2021_to_2028_of_which_2028_is_provisional() -> None:
    assert CALENDAR.years == tuple(range(2021, 2029))
    assert CALENDAR.provisional_years == {2028}
    assert CALENDAR.version == 1


def test_the_bundled_calendar_is_read_once() -> None:
    assert WorkingCalendar.bundled() is WorkingCalendar.bundled()


def test_every_day_off_of_a_decreed_year_names_its_decree_and_source() -> None:
    for day_off in CALENDAR.days_off:
        assert day_off.source
        decreed = day_off.decree is not None and day_off.decided_on is not None
        assert decreed == (day_off.on.year != 2028)


def test_days_off_of_a_year_come_in_order_of_date() -> None:
    days = [day_off.on for day_off in CALENDAR.days_off_in(2021)]
    assert days == sorted(days)
    assert days.count(date(2021, 5, 13)) == 2
    assert date(2021, 12, 24) not in days


def test_a_date_tells_why_it_is_off() -> None:
    names = [day_off.name for day_off in CALENDAR.days_off_on(date(2021, 5, 13))]
    assert names == ["Hari Raya Idul Fitri", "Kenaikan Yesus Kristus"]
    assert CALENDAR.days_off_on(date(2026, 11, 24)) == ()


@pytest.mark.parametrize(
    ("on", "working"),
    [
        (date(2026, 11, 24), True),
        (date(2026, 11, 28), False),
        (date(2026, 12, 24), False),
        (date(2026, 12, 25), False),
    ],
)
def test_weekends_holidays_and_joint_leave_are_not_worked(on: date, *, working: bool) -> None:
    assert CALENDAR.is_working_day(on) is working


def test_a_skipped_day_with_two_holidays_names_both_and_their_decree_once() -> None:
    (day,) = CALENDAR.skipped_between(date(2021, 5, 13), date(2021, 5, 13))
    assert day.reason == "Hari Raya Idul Fitri; Kenaikan Yesus Kristus"
    assert day.kind == "national"
    assert day.decree is not None
    assert day.decree.count("SKB") == 1


def test_a_holiday_on_a_saturday_is_told_as_both() -> None:
    (day,) = CALENDAR.skipped_between(date(2026, 3, 21), date(2026, 3, 21))
    assert day.reason == "Sabtu; Hari Raya Idul Fitri"


def test_an_estimate_has_no_decree() -> None:
    (day,) = CALENDAR.skipped_between(date(2028, 1, 26), date(2028, 1, 26))
    assert (day.kind, day.decree) == ("national", None)


@pytest.mark.parametrize("year", [1, 2019, 2020, 2029, 9999])
def test_a_year_without_data_is_a_clear_error(year: int) -> None:
    at = datetime(year, 6, 1, tzinfo=UTC)
    for ask in (
        lambda: CALENDAR.is_working_day(at.date()),
        lambda: CALENDAR.days_off_on(at.date()),
        lambda: CALENDAR.days_off_in(year),
        lambda: CALENDAR.working_days_in(year),
        lambda: CALENDAR.first_working_day_from(at.date()),
        lambda: CALENDAR.last_working_day_before(at.date()),
        lambda: CALENDAR.due(at, FIVE_DAYS),
        lambda: CALENDAR.due(at, Limit(5, "wh")),
    ):
        with pytest.raises(UnknownYearError, match=f"tahun {year} belum tersedia"):
            ask()


@pytest.mark.parametrize("limit", ["40wd", "9999wd", "9999wh"])
def test_a_limit_that_runs_past_the_last_year_names_the_missing_year(limit: str) -> None:
    with pytest.raises(UnknownYearError, match="tahun 2029"):
        CALENDAR.due(datetime(2028, 12, 1, tzinfo=UTC), Limit.parse(limit))


def test_the_first_and_the_last_date_there_is_are_only_unknown_years() -> None:
    with pytest.raises(UnknownYearError, match="tahun 9999"):
        CALENDAR.working_day_after(date.max, 1)
    with pytest.raises(UnknownYearError, match="tahun 1 "):
        CALENDAR.last_working_day_before(date.min)


def test_nothing_lies_before_the_first_working_day() -> None:
    with pytest.raises(UnknownYearError, match="tahun 2020"):
        CALENDAR.last_working_day_before(date(2021, 1, 4))


def test_receipt_on_the_eve_of_the_first_year_needs_no_data_of_its_own() -> None:
    received_at = datetime(2020, 12, 31, 3, tzinfo=UTC)
    assert CALENDAR.due(received_at, Limit(1, "wd")).due_on == date(2021, 1, 4)


@pytest.mark.parametrize(
    "at",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_an_instant_at_the_end_of_the_world_is_an_unknown_year(at: datetime) -> None:
    with pytest.raises(UnknownYearError):
        CALENDAR.due(at, FIVE_DAYS)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(OffsetMissingError, match="tidak memuat selisih zona waktu"):
        CALENDAR.due(datetime(2026, 11, 23, 10), FIVE_DAYS)  # noqa: DTZ001 - what is refused


def test_any_offset_names_the_same_local_date() -> None:
    tokyo = datetime(2026, 11, 24, 1, 59, tzinfo=timezone(timedelta(hours=9)))
    assert CALENDAR.due(tokyo, FIVE_DAYS) == CALENDAR.due(tokyo.astimezone(UTC), FIVE_DAYS)
    assert CALENDAR.due(tokyo, FIVE_DAYS).due_on == date(2026, 11, 30)


@pytest.mark.parametrize("number", [0, -1])
def test_working_days_are_counted_from_one(number: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        CALENDAR.working_day_after(date(2026, 11, 23), number)


def test_the_first_working_day_from_a_working_day_is_itself() -> None:
    assert CALENDAR.first_working_day_from(date(2026, 11, 27)) == date(2026, 11, 27)
    assert CALENDAR.first_working_day_from(date(2026, 11, 28)) == date(2026, 11, 30)
    assert CALENDAR.last_working_day_before(date(2026, 11, 30)) == date(2026, 11, 27)


def test_years_with_a_gap_are_refused() -> None:
    with pytest.raises(ValueError, match="follow each other"):
        replace(CALENDAR, years=(2021, 2023))


def test_last_working_day_in_a_calendar_without_any_is_an_error() -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    off = tuple(DayOff(on, "Tutup", "local") for on in days)
    closed = replace(CALENDAR, years=(2026,), days_off=off)
    with pytest.raises(NoWorkingDayError):
        closed.last_working_day_before(date(2026, 6, 1))


def test_a_local_day_off_counts_like_any_other() -> None:
    local = DayOff(date(2026, 11, 25), "Hari libur daerah", "local", "Kepgub 1", date(2026, 1, 2))
    calendar = replace(CALENDAR, days_off=(*CALENDAR.days_off, local))
    deadline = calendar.due(datetime(2026, 11, 24, 3, tzinfo=UTC), Limit(1, "wd"))
    assert deadline.due_on == date(2026, 11, 26)
    assert [day.kind for day in deadline.skipped] == ["local"]


def test_two_readings_of_the_same_files_are_equal() -> None:
    assert replace(CALENDAR, version=1) == CALENDAR
    assert replace(CALENDAR, version=2) != CALENDAR
