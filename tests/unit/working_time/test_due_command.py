"""`datacloud due` for people and programs; misuse is exit code 2 with a sentence, never a trace."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.working_time.calendar_files import BUNDLED
from shared.working_time.cli import app

RECEIVED = ("--received", "2026-11-23T10:00+07:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--received", "2026-11-23T10:00", "--limit", "5wd"], "tidak memuat selisih zona waktu"),
        (["--received", "2026-11-23", "--limit", "5wd"], "tidak memuat selisih zona waktu"),
        (["--received", "kemarin", "--limit", "5wd"], "bukan waktu ISO 8601"),
        ([*RECEIVED, "--limit", "5"], "tulis misalnya 5wd"),
        ([*RECEIVED, "--limit", "5wd", "--calendar-as-of", "kemarin"], "bukan tanggal"),
        (["--received", "2031-01-01T10:00Z", "--limit", "5wd"], "tahun 2031 belum tersedia"),
        (["--received", "2028-12-29T10:00Z", "--limit", "5wd"], "tahun 2029 belum tersedia"),
        (["--received", "9999-12-31T10:00+07:00", "--limit", "5wd"], "tahun 9999 belum tersedia"),
        (["--received", "0001-01-01T00:00+14:00", "--limit", "3wh"], "tahun 1 belum tersedia"),
        (
            [*RECEIVED, "--limit", "5wd", "--calendars", "/nowhere"],
            "tidak memuat berkas kalender <tahun>.toml",
        ),
    ],
)
def test_misuse_is_told_in_one_line_and_ends_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.startswith("Galat: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], [*RECEIVED], ["--limit", "5wd"]])
def test_receipt_and_limit_are_required(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_without_options_the_due_date_is_said_in_indonesian() -> None:
    result = CliRunner().invoke(app, [*RECEIVED, "--limit", "5wd"])
    assert (result.exit_code, result.stdout) == (0, "Senin, 30 November 2026\n")


def test_explain_tells_the_skipped_days() -> None:
    result = CliRunner().invoke(app, [*RECEIVED, "--limit", "5wd", "--explain"])
    assert "- Sabtu, 28 November 2026: akhir pekan\n" in result.stdout


def test_another_calendar_can_be_tried(tmp_path: Path) -> None:
    hours = (BUNDLED / "hours.toml").read_text(encoding="utf-8")
    (tmp_path / "hours.toml").write_text(hours, encoding="utf-8")
    year = 'year = 2026\nprovisional = true\n[[day]]\ndate = 2026-11-24\nname = "Uji"\n'
    (tmp_path / "2026.toml").write_text(f'{year}kind = "local"\nsource = "uji"\n', encoding="utf-8")
    result = CliRunner().invoke(
        app, [*RECEIVED, "--limit", "1wd", "--calendars", str(tmp_path)], catch_exceptions=False
    )
    assert result.stdout == "Rabu, 25 November 2026 (sementara)\n"
