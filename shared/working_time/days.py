"""Days that are not worked, each with the decree behind it, and the errors of working time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Pontianak")
"""UTC+7 without daylight saving; dates and office hours of the law are meant here."""

DayOffKind = Literal["national", "joint_leave", "local"]
SkippedKind = Literal["national", "joint_leave", "local", "weekend"]

WEEKDAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_SATURDAY = 5


class WorkingTimeError(ValueError):
    """Working time cannot be told from what was given; the message is Indonesian, for people."""


class UnknownYearError(WorkingTimeError):
    """The count reaches a year the calendar has no data for."""

    def __init__(self, year: int) -> None:
        super().__init__(f"Kalender kerja tahun {year} belum tersedia.")
        self.year = year


class NoWorkingDayError(WorkingTimeError):
    """The calendar has no working day at all, so no limit ever ends."""

    def __init__(self) -> None:
        super().__init__("Kalender kerja ini tidak memuat satu pun hari kerja.")


class OffsetMissingError(WorkingTimeError):
    """A time without offset does not name an instant."""

    def __init__(self, instant: datetime) -> None:
        super().__init__(
            f"Waktu {instant.isoformat()} tidak memuat selisih zona waktu; tulis misalnya"
            f" {instant.isoformat()}+07:00."
        )


class AmendmentError(WorkingTimeError):
    """A decree that cannot be entered as it stands."""


@dataclass(frozen=True, slots=True)
class DayOff:
    """One reason why a date is not worked; a date may have several (13 May 2021 has two).

    Without `decree` it is an estimate. A withdrawn day stays, so that the calendar as known on
    an earlier day can still be told.
    """

    on: date
    name: str
    kind: DayOffKind
    decree: str | None = None
    decided_on: date | None = None
    source: str = ""
    withdrawn_by: str | None = None
    withdrawn_on: date | None = None

    @property
    def in_effect(self) -> bool:
        """Not withdrawn."""
        return self.withdrawn_on is None

    def known_on(self, on: date) -> "DayOff":
        """Without what was decided after `on`: a later withdrawal has not happened yet."""
        if self.withdrawn_on is None or self.withdrawn_on <= on:
            return self
        return replace(self, withdrawn_by=None, withdrawn_on=None)


@dataclass(frozen=True, slots=True)
class SkippedDay:
    """A day the count passed over; without days off it is an ordinary Saturday or Sunday."""

    on: date
    days_off: tuple[DayOff, ...] = ()

    @property
    def kind(self) -> SkippedKind:
        """The decreed reason if there is one, for a holiday on a Saturday is still a holiday."""
        return self.days_off[0].kind if self.days_off else "weekend"

    @property
    def reason(self) -> str:
        """In Indonesian, every reason: `Sabtu; Hari Raya Idul Fitri`."""
        weekend = (WEEKDAYS[self.on.weekday()],) if is_weekend(self.on) else ()
        return "; ".join((*weekend, *(day_off.name for day_off in self.days_off)))

    @property
    def decree(self) -> str | None:
        """Every decree behind it once; None for weekends and estimates."""
        return "; ".join(unique(day_off.decree for day_off in self.days_off)) or None


@dataclass(frozen=True, slots=True)
class AddedDay:
    """A day a decree makes a day off."""

    on: date
    name: str
    kind: DayOffKind


@dataclass(frozen=True, slots=True)
class Amendment:
    """A decree that changes the calendar: dates in `withdrawn` lose what made them days off."""

    decree: str
    decided_on: date
    added: tuple[AddedDay, ...] = ()
    withdrawn: tuple[date, ...] = ()


def unique(decrees: Iterable[str | None]) -> tuple[str, ...]:
    """The decrees that exist, each once, in order."""
    return tuple(dict.fromkeys(decree for decree in decrees if decree is not None))


def is_weekend(on: date) -> bool:
    """Saturday or Sunday (Perpres 21/2023: a week has five working days, Monday to Friday)."""
    return on.weekday() >= _SATURDAY


def local_time(instant: datetime) -> datetime:
    """The instant on the wall clock of the office. Raises OffsetMissingError, UnknownYearError."""
    if instant.utcoffset() is None:
        raise OffsetMissingError(instant)
    try:
        return instant.astimezone(LOCAL)
    except OverflowError:
        raise UnknownYearError(instant.year) from None


def local_date(instant: datetime) -> date:
    """The date at the office: 17:05 UTC is already the next day."""
    return local_time(instant).date()


def local_instant(on: date, at: time) -> datetime:
    """A date and a time of the office as an instant in UTC."""
    return datetime.combine(on, at, LOCAL).astimezone(UTC)


def midnight_after(on: date) -> datetime:
    """The instant in UTC at which the local date `on` is over."""
    return local_instant(on + timedelta(days=1), time())
