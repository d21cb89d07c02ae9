"""The shipped calendar agrees with the package it was seeded from; drafts are complete files."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.calendar_files import BUNDLED
from shared.working_time.days import DayOff
from shared.working_time.seed import app, differences, drafted

CALENDAR = WorkingCalendar.bundled()


def test_the_shipped_calendar_agrees_with_the_package() -> None:
    assert differences(CALENDAR) == ()


def test_a_missing_and_an_invented_day_are_found() -> None:
    invented = DayOff(date(2026, 11, 25), "Hari Khayal", "national", "SKB", date(2026, 1, 1))
    kept = tuple(day for day in CALENDAR.days_off if day.on != date(2026, 12, 24))
    assert differences(replace(CALENDAR, days_off=(*kept, invented))) == (
        "2026-11-25 national Hari Khayal: only in our file",
        "2026-12-24 joint_leave Cuti Bersama Hari Raya Natal: only in the package",
    )


def test_local_days_off_are_no_difference() -> None:
    local = DayOff(date(2026, 11, 25), "Hari libur daerah", "local", "Kepgub", date(2026, 1, 1))
    assert differences(replace(CALENDAR, days_off=(*CALENDAR.days_off, local))) == ()


@pytest.mark.parametrize("year", [2029, 2030])
def test_a_draft_is_a_provisional_calendar_that_loads(tmp_path: Path, year: int) -> None:
    shutil.copy(BUNDLED / "hours.toml", tmp_path)
    (tmp_path / f"{year}.toml").write_text(drafted(year), encoding="utf-8")
    calendar = WorkingCalendar.load(tmp_path)
    assert calendar.provisional_years == {year}
    assert calendar.seasons
    assert differences(calendar) == ()


def test_the_draft_command_writes_the_file_to_standard_output() -> None:
    assert CliRunner().invoke(app, ["draft", "2029"]).stdout == drafted(2029)


def test_the_compare_command_ends_with_0_when_nothing_differs() -> None:
    result = CliRunner().invoke(app, ["compare"])
    assert (result.exit_code, result.stdout) == (0, "")


def test_the_compare_command_ends_with_1_and_the_differences(tmp_path: Path) -> None:
    shutil.copy(BUNDLED / "hours.toml", tmp_path)
    shutil.copy(BUNDLED / "2028.toml", tmp_path)
    text = (tmp_path / "2028.toml").read_text(encoding="utf-8")
    renamed = text.replace("Hari Lahir Pancasila", "Hari Pancasila")
    (tmp_path / "2028.toml").write_text(renamed, encoding="utf-8")
    result = CliRunner().invoke(app, ["compare", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.count("2028-06-01") == 2
