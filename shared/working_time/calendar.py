"""The working calendar: immutable, one version, years without gap.

Every answer is found by counting in a finite list of working days, so nothing loops for ever.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType

from shared.working_time import amendments
from shared.working_time.calendar_files import BUNDLED, read_directory
from shared.working_time.days import (
    Amendment,
    DayOff,
    NoWorkingDayError,
    SkippedDay,
    UnknownYearError,
    is_weekend,
    local_date,
    midnight_after,
)
from shared.working_time.deadlines import Deadline, Limit
from shared.working_time.hours import Period, Season, WeekHours

_ONE_DAY = timedelta(days=1)
_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which days and hours count, with the decree behind every day off.

    `days_off` also holds withdrawn days; they do not count as off. A provisional year has no
    decree yet.
    """

    version: int
    years: tuple[int, ...]
    provisional_years: frozenset[int]
    days_off: tuple[DayOff, ...]
    week: WeekHours
    seasons: tuple[Season, ...] = ()
    _off: Mapping[date, tuple[DayOff, ...]] = field(init=False, repr=False, compare=False)
    _working_days: tuple[date, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.years != tuple(range(self.years[0], self.years[-1] + 1)):
            message = f"the years of a calendar must follow each other: {self.years}"
            raise ValueError(message)
        off: dict[date, tuple[DayOff, ...]] = {}
        for day_off in self.days_off:
            if day_off.in_effect:
                off[day_off.on] = (*off.get(day_off.on, ()), day_off)
        working = tuple(
            on
            for on in _dates(date(self.years[0], 1, 1), date(self.years[-1], 12, 31))
            if not is_weekend(on) and on not in off
        )
        object.__setattr__(self, "_off", MappingProxyType(off))
        object.__setattr__(self, "_working_days", working)

    @classmethod
    def load(cls, directory: Path, version: int = 1) -> "WorkingCalendar":
        """Read `<year>.toml` and `hours.toml` of a directory. Raises CalendarFileError."""
        content = read_directory(directory)
        return cls(
            version=version,
            years=content.years,
            provisional_years=content.provisional_years,
            days_off=content.days_off,
            week=content.week,
            seasons=content.seasons,
        )

    @classmethod
    def bundled(cls) -> "WorkingCalendar":
        """The calendar that ships with the program, version 1; read once."""
        return _bundled()

    def is_working_day(self, on: date) -> bool:
        """Whether that date counts. Raises UnknownYearError."""
        self._require(on.year)
        return not is_weekend(on) and on not in self._off

    def days_off_on(self, on: date) -> tuple[DayOff, ...]:
        """Why that date is off, weekends aside. Raises UnknownYearError."""
        self._require(on.year)
        return self._off.get(on, ())

    def days_off_in(self, year: int) -> tuple[DayOff, ...]:
        """The days off of a year in order of date. Raises UnknownYearError."""
        self._require(year)
        return tuple(
            day_off for on in sorted(self._off) if on.year == year for day_off in self._off[on]
        )

    def working_days_in(self, year: int) -> tuple[date, ...]:
        """The working days of a year. Raises UnknownYearError."""
        self._require(year)
        begin = bisect_left(self._working_days, date(year, 1, 1))
        return self._working_days[begin : bisect_right(self._working_days, date(year, 12, 31))]

    def working_day_after(self, on: date, number: int) -> date:
        """The `number`-th working day after `on`, which itself never counts (number from 1)."""
        if number < 1:
            message = f"working days are counted from 1, not {number}"
            raise ValueError(message)
        self._require(_beside(on, _ONE_DAY).year)
        return self._working_day(bisect_right(self._working_days, on) + number - 1)

    def first_working_day_from(self, on: date) -> date:
        """`on` if it is a working day, else the next one."""
        self._require(on.year)
        return self._working_day(bisect_left(self._working_days, on))

    def last_working_day_before(self, on: date) -> date:
        """The nearest working day earlier than `on`. Raises UnknownYearError."""
        self._require(_beside(on, -_ONE_DAY).year)
        index = bisect_left(self._working_days, on) - 1
        if index >= 0:
            return self._working_days[index]
        raise self._exhausted(self.years[0] - 1)

    def skipped_between(self, first: date, last: date) -> tuple[SkippedDay, ...]:
        """The days that do not count from `first` to `last`, both included."""
        return tuple(
            SkippedDay(on, self._off.get(on, ()))
            for on in _dates(first, last)
            if is_weekend(on) or on in self._off
        )

    def periods_on(self, on: date) -> tuple[Period, ...]:
        """The working periods of a date, none on a day off. Raises UnknownYearError."""
        if not self.is_working_day(on):
            return ()
        hours = next((season.hours for season in self.seasons if season.covers(on)), self.week)
        return hours.of(on).periods(on)

    def due(self, received_at: datetime, limit: Limit) -> Deadline:
        """When a limit ends that began with receipt at that instant.

        Days: the date of receipt never counts (DOMAIN section 4 rule 1). Hours: working time
        counts from the instant itself (rule 3). Raises WorkingTimeError, never loops.
        """
        received_on = local_date(received_at)
        if limit.unit == "wh":
            due_at = self._end_of_hours(received_at, received_on, timedelta(hours=limit.count))
            return self._deadline(received_on, local_date(due_at), due_at)
        due_on = self.working_day_after(received_on, limit.count)
        return self._deadline(received_on + _ONE_DAY, due_on, None)

    def as_of(self, on: date) -> "WorkingCalendar":
        """The calendar as it was known on that day: later decrees and withdrawals undone.

        A year without any decree by then is provisional: it has the national days of its first
        decree as estimates, and no joint leave.
        """
        undecided = set(self.years) - amendments.years_decided_by(self.days_off, on)
        return replace(
            self,
            days_off=amendments.known_on(self.days_off, on),
            provisional_years=self.provisional_years | undecided,
        )

    def amended(self, amendment: Amendment) -> "WorkingCalendar":
        """The next version, with a decree entered. Raises AmendmentError, UnknownYearError."""
        settled = amendments.years_settled_by(self.days_off, amendment)
        return replace(
            self,
            version=self.version + 1,
            days_off=amendments.entered(self.days_off, self.years, amendment),
            provisional_years=self.provisional_years - settled,
        )

    def _deadline(self, first_counted: date, due_on: date, due_at: datetime | None) -> Deadline:
        years = range(first_counted.year, due_on.year + 1)
        return Deadline(
            due_on=due_on,
            due_at=due_at,
            breach_at=due_at or midnight_after(due_on),
            provisional=not self.provisional_years.isdisjoint(years),
            skipped=self.skipped_between(first_counted, due_on),
        )

    def _end_of_hours(self, begin: datetime, received_on: date, length: timedelta) -> datetime:
        self._require(received_on.year)
        for on in self._working_days[bisect_left(self._working_days, received_on) :]:
            for period in self.periods_on(on):
                begins_at = max(begin, period.begins_at)
                worked = max(_NO_TIME, period.ends_at - begins_at)
                if length <= worked:
                    return begins_at + length
                length -= worked
        raise self._exhausted(self.years[-1] + 1)

    def _working_day(self, index: int) -> date:
        if index < len(self._working_days):
            return self._working_days[index]
        raise self._exhausted(self.years[-1] + 1)

    def _require(self, year: int) -> None:
        if not self.years[0] <= year <= self.years[-1]:
            raise UnknownYearError(year)

    def _exhausted(self, year: int) -> NoWorkingDayError | UnknownYearError:
        return UnknownYearError(year) if self._working_days else NoWorkingDayError()


@cache
def _bundled() -> WorkingCalendar:
    return WorkingCalendar.load(BUNDLED)


def _beside(on: date, step: timedelta) -> date:
    """Raises UnknownYearError at the end of all dates."""
    try:
        return on + step
    except OverflowError:
        raise UnknownYearError(on.year) from None


def _dates(first: date, last: date) -> Iterator[date]:
    on = first
    while on <= last:
        yield on
        on += _ONE_DAY
