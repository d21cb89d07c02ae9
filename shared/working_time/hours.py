"""Office hours: two periods a day around a break, other hours in a season."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from shared.working_time.days import LOCAL

_FRIDAY = 4


class HoursError(ValueError):
    """Office hours that would never end or never begin."""


@dataclass(frozen=True, slots=True)
class Period:
    """Working time without interruption, from its first instant up to but without its last."""

    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class DayHours:
    """Hours of one day, on the wall clock of the office."""

    opens: time
    break_from: time
    break_until: time
    closes: time

    def __post_init__(self) -> None:
        if not self.opens < self.break_from <= self.break_until < self.closes:
            hours = (self.opens, self.break_from, self.break_until, self.closes)
            message = f"hours out of order: {', '.join(map(str, hours))}"
            raise HoursError(message)

    def periods(self, on: date) -> tuple[Period, Period]:
        """Both working periods of that date, as instants in UTC."""
        return (
            _period(on, self.opens, self.break_from),
            _period(on, self.break_until, self.closes),
        )


@dataclass(frozen=True, slots=True)
class WeekHours:
    """Friday has a longer break and closes later (Perpres 21/2023)."""

    monday_to_thursday: DayHours
    friday: DayHours

    def of(self, on: date) -> DayHours:
        """The hours of that weekday."""
        return self.friday if on.weekday() == _FRIDAY else self.monday_to_thursday


@dataclass(frozen=True, slots=True)
class Season:
    """Dates with other hours, both ends included; Ramadan is the only one today."""

    name: str
    first_on: date
    last_on: date
    hours: WeekHours

    def covers(self, on: date) -> bool:
        """Whether the season's hours rule that date."""
        return self.first_on <= on <= self.last_on


def _period(on: date, begins: time, ends: time) -> Period:
    return Period(
        datetime.combine(on, begins, LOCAL).astimezone(UTC),
        datetime.combine(on, ends, LOCAL).astimezone(UTC),
    )
