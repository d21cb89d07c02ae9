"""A decree makes the next version of the calendar; an earlier day knew an earlier calendar."""

from datetime import UTC, date, datetime

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import (
    AddedDay,
    Amendment,
    AmendmentError,
    DayOffKind,
    UnknownYearError,
)
from shared.working_time.deadlines import Limit

CALENDAR = WorkingCalendar.bundled()
DECIDED = date(2026, 11, 20)
FREE = date(2026, 11, 25)
CHRISTMAS = date(2026, 12, 25)
FILED = datetime(2026, 11, 24, 3, tzinfo=UTC)


def decree(
    *added: tuple[date, str, DayOffKind],
    withdrawn: tuple[date, ...] = (),
    number: str = "SKB 7/2026",
) -> Amendment:
    return Amendment(number, DECIDED, tuple(AddedDay(*day) for day in added), withdrawn)


def test_an_added_day_moves_the_deadline_and_is_told_with_its_decree() -> None:
    amended = CALENDAR.amended(decree((FREE, "Cuti Bersama Khusus", "joint_leave")))
    deadline = amended.due(FILED, Limit(1, "wd"))
    assert deadline.due_on == date(2026, 11, 26)
    (skipped,) = deadline.skipped
    assert (skipped.kind, skipped.decree) == ("joint_leave", "SKB 7/2026")


def test_every_decree_makes_the_next_version_and_leaves_the_old_one_alone() -> None:
    amended = CALENDAR.amended(decree((FREE, "Libur", "local")))
    assert (CALENDAR.version, amended.version) == (1, 2)
    assert CALENDAR.is_working_day(FREE)


def test_a_withdrawn_day_is_worked_again() -> None:
    amended = CALENDAR.amended(decree(withdrawn=(date(2026, 12, 24),)))
    assert amended.is_working_day(date(2026, 12, 24))
    assert not amended.is_working_day(CHRISTMAS)


def test_withdrawing_a_holiday_on_a_weekend_leaves_the_weekend() -> None:
    amended = CALENDAR.amended(decree(withdrawn=(date(2026, 3, 21),)))
    assert not amended.is_working_day(date(2026, 3, 21))


def test_a_day_can_be_withdrawn_and_named_anew_by_one_decree() -> None:
    amended = CALENDAR.amended(
        decree((CHRISTMAS, "Kelahiran Yesus Kristus", "national"), withdrawn=(CHRISTMAS,))
    )
    assert [day.name for day in amended.days_off_on(CHRISTMAS)] == ["Kelahiran Yesus Kristus"]


def test_a_second_reason_for_a_day_off_is_kept_beside_the_first() -> None:
    amended = CALENDAR.amended(decree((CHRISTMAS, "Hari libur daerah", "local")))
    assert len(amended.days_off_on(CHRISTMAS)) == 2


@pytest.mark.parametrize(
    ("day", "provisional"),
    [
        ((date(2028, 1, 27), "Cuti Bersama Imlek", "joint_leave"), False),
        ((date(2028, 1, 26), "Tahun Baru Imlek", "national"), False),
        ((date(2028, 2, 14), "Hari Pemilihan Umum", "national"), True),
        ((date(2028, 2, 14), "Hari libur daerah", "local"), True),
    ],
)
def test_a_year_stays_provisional_until_a_decree_rules_it_as_a_whole(
    day: tuple[date, str, DayOffKind], *, provisional: bool
) -> None:
    amended = CALENDAR.amended(decree(day))
    assert (2028 in amended.provisional_years) is provisional


def test_withdrawing_an_estimate_settles_the_year() -> None:
    amended = CALENDAR.amended(decree(withdrawn=(date(2028, 5, 5),)))
    assert amended.provisional_years == frozenset()
    assert amended.is_working_day(date(2028, 5, 5))


def test_a_confirmed_estimate_gives_way_to_the_decree() -> None:
    amended = CALENDAR.amended(decree((date(2028, 1, 26), "Tahun Baru Imlek", "national")))
    (day_off,) = amended.days_off_on(date(2028, 1, 26))
    assert day_off.decree == "SKB 7/2026"


@pytest.mark.parametrize(
    ("amendment", "message"),
    [
        (decree((FREE, "Libur", "local"), number="  "), "Nomor keputusan wajib"),
        (decree(), "tidak menambah dan tidak mencabut"),
        (decree((FREE, " ", "local")), "Nama hari libur 2026-11-25 wajib"),
        (decree(withdrawn=(FREE,)), "2026-11-25 bukan hari libur"),
        (decree((CHRISTMAS, "Hari Raya Natal", "national")), "sudah tercatat"),
        (decree((FREE, "Libur", "local"), (FREE, "Libur", "local")), "sudah tercatat"),
    ],
)
def test_a_decree_that_makes_no_sense_is_refused(amendment: Amendment, message: str) -> None:
    with pytest.raises(AmendmentError, match=message):
        CALENDAR.amended(amendment)


@pytest.mark.parametrize(
    "amendment",
    [decree((date(2029, 1, 2), "Libur", "local")), decree(withdrawn=(date(2020, 12, 25),))],
)
def test_a_decree_about_a_year_without_data_is_refused(amendment: Amendment) -> None:
    with pytest.raises(UnknownYearError):
        CALENDAR.amended(amendment)


def test_the_day_before_a_decree_did_not_know_it() -> None:
    amended = CALENDAR.amended(decree((FREE, "Libur", "joint_leave")))
    assert amended.as_of(date(2026, 11, 19)).is_working_day(FREE)
    assert not amended.as_of(DECIDED).is_working_day(FREE)


def test_the_day_before_a_withdrawal_still_had_the_day_off() -> None:
    eve = date(2021, 12, 24)
    assert CALENDAR.is_working_day(eve)
    assert not CALENDAR.as_of(date(2021, 6, 17)).is_working_day(eve)
    assert CALENDAR.as_of(date(2021, 6, 18)).is_working_day(eve)


def test_a_holiday_moved_in_2021_stood_on_its_old_date_before() -> None:
    earlier = CALENDAR.as_of(date(2021, 6, 1))
    assert not earlier.is_working_day(date(2021, 8, 10))
    assert earlier.is_working_day(date(2021, 8, 11))


def test_long_after_all_decrees_the_calendar_is_itself() -> None:
    assert CALENDAR.as_of(date(2030, 1, 1)) == CALENDAR


def test_a_year_nobody_had_decided_is_provisional_with_estimates_and_no_joint_leave() -> None:
    earlier = CALENDAR.as_of(date(2024, 1, 1))
    assert earlier.provisional_years == {2025, 2026, 2027, 2028}
    assert not earlier.is_working_day(date(2025, 1, 29))
    assert earlier.is_working_day(date(2025, 1, 28))
    assert {day_off.decree for day_off in earlier.days_off_in(2025)} == {None}


def test_an_election_day_was_unknown_before_its_own_decree() -> None:
    election = date(2024, 11, 27)
    assert CALENDAR.as_of(date(2023, 1, 1)).is_working_day(election)
    assert CALENDAR.as_of(date(2024, 11, 20)).is_working_day(election)
    assert not CALENDAR.as_of(date(2024, 11, 21)).is_working_day(election)


def test_a_withdrawal_alone_is_a_decree_about_its_year() -> None:
    amended = CALENDAR.amended(decree(withdrawn=(date(2028, 5, 5),)))
    assert amended.as_of(DECIDED).is_working_day(date(2028, 5, 5))
    assert not amended.as_of(date(2026, 11, 19)).is_working_day(date(2028, 5, 5))
    assert 2028 in amended.as_of(date(2026, 11, 19)).provisional_years
