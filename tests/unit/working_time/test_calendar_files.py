"""Calendar files: what is wrong in one is told with the file and the place."""

import shutil
from pathlib import Path

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.calendar_files import BUNDLED, CalendarFileError, read_directory

DAY = '[[day]]\ndate = 2026-01-01\nname = "Tahun Baru"\nkind = "national"\nsource = "uji"\n'
DECREED = 'decree = "SKB 1"\ndecided_on = 2025-09-19\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(BUNDLED / "hours.toml", tmp_path)
    return tmp_path


def year_file(directory: Path, text: str, year: int = 2026, *, provisional: bool = False) -> None:
    head = f"year = {year}\nprovisional = {str(provisional).lower()}\n"
    (directory / f"{year}.toml").write_text(head + text, encoding="utf-8")


def test_a_year_of_one_day_is_read(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    (day_off,) = WorkingCalendar.load(directory, version=7).days_off_in(2026)
    assert (day_off.name, day_off.decree) == ("Tahun Baru", "SKB 1")


def test_files_of_another_name_are_left_alone(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    (directory / "draft-2027.toml").write_text("not = [toml", encoding="utf-8")
    assert read_directory(directory).years == (2026,)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("not = [toml", "Invalid"),
        (DAY, "2026-01-01 has no decree"),
        (DAY + 'decree = "SKB 1"\n', "decree and decided_on belong together"),
        (DAY + DECREED + 'withdrawn_by = "SKB 2"\n', "withdrawn_by and withdrawn_on"),
        ((DAY + DECREED) * 2, "2026-01-01 Tahun Baru stands twice"),
        ((DAY + DECREED).replace("2026-01-01", "2027-01-01"), "2027-01-01 is not in 2026"),
        ((DAY + DECREED).replace('"national"', '"holiday"'), "day.0.kind"),
        ((DAY + DECREED).replace('"Tahun Baru"', '""'), "day.0.name"),
        ((DAY + DECREED).replace("2026-01-01", '"2026-01-01"'), "day.0.date"),
        (DAY + DECREED + "colour = 1\n", "day.0.colour"),
        ("", "day: Field required"),
        (
            "[[ramadan]]\nfirst_on = 2026-03-01\nlast_on = 2026-02-01\nsource = 'x'\n"
            + DAY
            + DECREED,
            "ramadan ends before it begins",
        ),
    ],
)
def test_a_mistake_names_the_file_and_the_place(directory: Path, text: str, mistake: str) -> None:
    year_file(directory, text)
    with pytest.raises(CalendarFileError) as caught:
        read_directory(directory)
    assert str(directory / "2026.toml") in str(caught.value)
    assert mistake in str(caught.value)


def test_a_day_without_decree_is_allowed_in_a_provisional_year(directory: Path) -> None:
    year_file(directory, DAY, provisional=True)
    assert read_directory(directory).provisional_years == {2026}


def test_a_file_named_after_another_year_is_refused(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    (directory / "2026.toml").rename(directory / "2027.toml")
    with pytest.raises(CalendarFileError, match="menyebut tahun 2026"):
        read_directory(directory)


def test_a_year_missing_in_between_is_refused(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    year_file(directory, "day = []\n", 2028)
    with pytest.raises(CalendarFileError, match=r"di antaranya tidak ada: \[2027\]"):
        read_directory(directory)


def test_a_directory_without_calendars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalendarFileError, match="tidak memuat berkas kalender"):
        read_directory(tmp_path)


def test_hours_are_required(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    (directory / "hours.toml").unlink()
    with pytest.raises(CalendarFileError, match=r"hours\.toml: tidak ada"):
        read_directory(directory)


def test_hours_out_of_order_are_refused_with_their_place(directory: Path) -> None:
    year_file(directory, DAY + DECREED)
    hours = (directory / "hours.toml").read_text(encoding="utf-8")
    broken = hours.replace("closes = 16:00:00", "closes = 06:00:00")
    (directory / "hours.toml").write_text(broken, encoding="utf-8")
    with pytest.raises(CalendarFileError, match=r"regular\.monday_to_thursday: .*out of order"):
        read_directory(directory)


def test_bytes_that_are_not_text_are_refused(directory: Path) -> None:
    (directory / "2026.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CalendarFileError, match=r"2026\.toml"):
        read_directory(directory)
