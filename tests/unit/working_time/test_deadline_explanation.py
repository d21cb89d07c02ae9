"""Every due date can be explained in Indonesian: which days were skipped, under which decree."""

from datetime import UTC, datetime

import pytest

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import LOCAL
from shared.working_time.deadlines import Limit
from shared.working_time.explanation import (
    date_in_words,
    deadline_in_words,
    explain,
    instant_in_words,
    limit_in_words,
)

CALENDAR = WorkingCalendar.bundled()


def explained(received: str, limit: str) -> list[str]:
    received_at, parsed = datetime.fromisoformat(received), Limit.parse(limit)
    return list(explain(received_at, parsed, CALENDAR.due(received_at, parsed)))


def test_dates_and_instants_are_written_out_in_local_time() -> None:
    at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert instant_in_words(at) == "Senin, 30 November 2026 pukul 16.00 WIB"
    assert instant_in_words(at.replace(second=5)) == "Senin, 30 November 2026 pukul 16.00.05 WIB"
    assert date_in_words(at.date()) == "Senin, 30 November 2026"


@pytest.mark.parametrize(("limit", "words"), [("5wd", "5 hari kerja"), ("3wh", "3 jam kerja")])
def test_a_limit_is_told_with_its_unit(limit: str, words: str) -> None:
    assert limit_in_words(Limit.parse(limit)) == words


def test_the_explanation_names_every_skipped_day_with_its_decree() -> None:
    lines = explained("2026-12-23T15:59+07:00", "1wd")
    decree = (
        "SKB Menteri Agama, Menteri Ketenagakerjaan, dan Menteri PANRB Nomor 1497 Tahun 2025,"
        " Nomor 2 Tahun 2025, Nomor 5 Tahun 2025, 19 September 2025"
    )
    assert lines == [
        "Diterima: Rabu, 23 Desember 2026 pukul 15.59 WIB",
        "Jangka waktu: 1 hari kerja setelah tanggal penerimaan; tanggal penerimaan tidak dihitung",
        "Batas waktu: Senin, 28 Desember 2026",
        "Terlambat sejak: Selasa, 29 Desember 2026 pukul 00.00 WIB",
        "Hari yang tidak dihitung:",
        f"- Kamis, 24 Desember 2026: Cuti Bersama Hari Raya Natal ({decree})",
        f"- Jumat, 25 Desember 2026: Hari Raya Natal ({decree})",
        "- Sabtu, 26 Desember 2026: akhir pekan",
        "- Minggu, 27 Desember 2026: akhir pekan",
    ]


def test_a_limit_in_hours_ends_at_an_hour() -> None:
    lines = explained("2026-11-26T15:00+07:00", "3wh")
    assert lines[1:3] == [
        "Jangka waktu: 3 jam kerja sejak penerimaan; hanya jam kerja kantor yang dihitung",
        "Batas waktu: Jumat, 27 November 2026 pukul 09.30 WIB",
    ]
    assert lines[-1] == "Tidak ada hari yang dilewati."


def test_a_provisional_deadline_says_so_and_why() -> None:
    lines = explained("2027-12-01T10:00+07:00", "60wd")
    assert lines[2] == "Batas waktu: Jumat, 25 Februari 2028 (sementara)"
    assert lines[4].startswith("Sementara: sebagian hari jatuh pada tahun")
    assert "- Rabu, 26 Januari 2028: Tahun Baru Imlek (perkiraan, belum ada keputusan)" in lines


def test_a_short_answer_is_the_due_date_alone() -> None:
    received_at = datetime(2026, 11, 23, 10, tzinfo=LOCAL)
    deadline = CALENDAR.due(received_at, Limit(5, "wd"))
    assert deadline_in_words(deadline) == "Senin, 30 November 2026"
