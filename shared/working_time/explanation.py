"""Dates, limits and skipped days in Indonesian, for people who ask why a date is due."""

from collections.abc import Iterator
from datetime import date, datetime

from shared.working_time.days import WEEKDAYS, DayOff, SkippedDay, local_time
from shared.working_time.deadlines import Deadline, Limit, Unit

MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
_UNITS: dict[Unit, str] = {"wd": "hari kerja", "wh": "jam kerja"}


def date_in_words(on: date) -> str:
    """`Senin, 30 November 2026`."""
    return f"{WEEKDAYS[on.weekday()]}, {on.day} {MONTHS[on.month - 1]} {on.year}"


def instant_in_words(at: datetime) -> str:
    """`Senin, 30 November 2026 pukul 16.00 WIB`; seconds only where there are some."""
    local = local_time(at)
    clock = f"{local:%H.%M.%S}" if local.second else f"{local:%H.%M}"
    return f"{date_in_words(local.date())} pukul {clock} WIB"


def limit_in_words(limit: Limit) -> str:
    """`5 hari kerja`."""
    return f"{limit.count} {_UNITS[limit.unit]}"


def deadline_in_words(deadline: Deadline) -> str:
    """The due date, or the due instant of a limit in hours, and whether it may still move."""
    due = date_in_words(deadline.due_on)
    if deadline.due_at is not None:
        due = instant_in_words(deadline.due_at)
    return f"{due} (sementara)" if deadline.provisional else due


def explain(received_at: datetime, limit: Limit, deadline: Deadline) -> tuple[str, ...]:
    """The whole reckoning, line by line, with the decree behind every skipped day."""
    return tuple(_lines(received_at, limit, deadline))


def skipped_day_in_words(day: SkippedDay) -> str:
    """One skipped day with every reason and its decree."""
    reasons = "; ".join(_reason(day_off) for day_off in day.days_off) or "akhir pekan"
    return f"{date_in_words(day.on)}: {reasons}"


def _lines(received_at: datetime, limit: Limit, deadline: Deadline) -> Iterator[str]:
    yield f"Diterima: {instant_in_words(received_at)}"
    yield f"Jangka waktu: {limit_in_words(limit)}{_rule(limit)}"
    yield f"Batas waktu: {deadline_in_words(deadline)}"
    yield f"Terlambat sejak: {instant_in_words(deadline.breach_at)}"
    if deadline.provisional:
        yield (
            "Sementara: sebagian hari jatuh pada tahun yang hari libur dan cuti bersamanya belum"
            " ditetapkan; batas waktu dihitung ulang setelah keputusannya terbit."
        )
    if deadline.skipped:
        yield "Hari yang tidak dihitung:"
        yield from (f"- {skipped_day_in_words(day)}" for day in deadline.skipped)
    else:
        yield "Tidak ada hari yang dilewati."


def _rule(limit: Limit) -> str:
    if limit.unit == "wd":
        return " setelah tanggal penerimaan; tanggal penerimaan tidak dihitung"
    return " sejak penerimaan; hanya jam kerja kantor yang dihitung"


def _reason(day_off: DayOff) -> str:
    if day_off.decree is None or day_off.decided_on is None:
        return f"{day_off.name} (perkiraan, belum ada keputusan)"
    decided = f"{day_off.decided_on.day} {MONTHS[day_off.decided_on.month - 1]}"
    return f"{day_off.name} ({day_off.decree}, {decided} {day_off.decided_on.year})"
