"""Read `calendars/<year>.toml` and `calendars/hours.toml`; every mistake is told with its place."""

import tomllib
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from shared.working_time.days import DayOff, DayOffKind
from shared.working_time.hours import DayHours, Season, WeekHours

BUNDLED = Path(__file__).parent / "calendars"

_Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
_Model = TypeVar("_Model", bound=BaseModel)


class CalendarFileError(ValueError):
    """A calendar file that cannot be used: names the file and every mistake found.

    Indonesian for whoever types a command; what is wrong inside a file is told as the parser tells it.
    """

    def __init__(self, path: Path, mistake: str) -> None:
        super().__init__(f"{path}: {mistake}")


@dataclass(frozen=True, slots=True)
class CalendarContent:
    """What the files of a directory say together."""

    years: tuple[int, ...]
    provisional_years: frozenset[int]
    days_off: tuple[DayOff, ...]
    week: WeekHours
    seasons: tuple[Season, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Day(_Part):
    on: date = Field(alias="date")
    name: _Text
    kind: DayOffKind
    decree: _Text | None = None
    decided_on: date | None = None
    source: _Text
    withdrawn_by: _Text | None = None
    withdrawn_on: date | None = None

    @model_validator(mode="after")
    def _decrees_have_dates(self) -> "_Day":
        if (self.decree is None) != (self.decided_on is None):
            message = "decree and decided_on belong together"
            raise ValueError(message)
        if (self.withdrawn_by is None) != (self.withdrawn_on is None):
            message = "withdrawn_by and withdrawn_on belong together"
            raise ValueError(message)
        return self

    def day_off(self) -> DayOff:
        return DayOff(
            on=self.on,
            name=self.name,
            kind=self.kind,
            decree=self.decree,
            decided_on=self.decided_on,
            source=self.source,
            withdrawn_by=self.withdrawn_by,
            withdrawn_on=self.withdrawn_on,
        )


class _Ramadan(_Part):
    first_on: date
    last_on: date
    source: _Text

    @model_validator(mode="after")
    def _in_order(self) -> "_Ramadan":
        if self.last_on < self.first_on:
            message = "ramadan ends before it begins"
            raise ValueError(message)
        return self


class _Year(_Part):
    year: int
    provisional: bool
    ramadan: list[_Ramadan] = Field(default_factory=list)
    day: list[_Day]

    @model_validator(mode="after")
    def _days_belong_here(self) -> "_Year":
        seen: set[tuple[date, str]] = set()
        for day in self.day:
            if day.on.year != self.year:
                message = f"{day.on} is not in {self.year}"
                raise ValueError(message)
            if day.decree is None and not self.provisional:
                message = f"{day.on} has no decree and the year is not provisional"
                raise ValueError(message)
            if (day.on, day.name) in seen:
                message = f"{day.on} {day.name} stands twice"
                raise ValueError(message)
            seen.add((day.on, day.name))
        return self


class _DayHours(_Part):
    opens: time
    break_from: time
    break_until: time
    closes: time

    @model_validator(mode="after")
    def _in_order(self) -> "_DayHours":
        self.day_hours()
        return self

    def day_hours(self) -> DayHours:
        return DayHours(self.opens, self.break_from, self.break_until, self.closes)


class _WeekHours(_Part):
    source: _Text
    monday_to_thursday: _DayHours
    friday: _DayHours

    def week_hours(self) -> WeekHours:
        return WeekHours(self.monday_to_thursday.day_hours(), self.friday.day_hours())


class _Hours(_Part):
    regular: _WeekHours
    ramadan: _WeekHours


def read_directory(directory: Path) -> CalendarContent:
    """Read every year of a directory. Raises CalendarFileError."""
    years = [_read_year(path) for path in sorted(directory.glob("[0-9][0-9][0-9][0-9].toml"))]
    if not years:
        raise CalendarFileError(directory, "tidak memuat berkas kalender <tahun>.toml")
    numbers = tuple(year.year for year in years)
    missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
    if missing:
        raise CalendarFileError(directory, f"tahun di antaranya tidak ada: {missing}")
    hours = _read(directory / "hours.toml", _Hours)
    fasting = hours.ramadan.week_hours()
    return CalendarContent(
        years=numbers,
        provisional_years=frozenset(year.year for year in years if year.provisional),
        days_off=tuple(day.day_off() for year in years for day in year.day),
        week=hours.regular.week_hours(),
        seasons=tuple(
            Season("Ramadan", ramadan.first_on, ramadan.last_on, fasting)
            for year in years
            for ramadan in year.ramadan
        ),
    )


def _read_year(path: Path) -> _Year:
    year = _read(path, _Year)
    if str(year.year) != path.stem:
        raise CalendarFileError(path, f"menyebut tahun {year.year}")
    return year


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        mistakes = (
            f"{'.'.join(map(str, mistake['loc'])) or 'file'}: {mistake['msg']}"
            for mistake in error.errors()
        )
        raise CalendarFileError(path, "; ".join(mistakes)) from None
    except OSError as error:
        raise CalendarFileError(path, "tidak ada atau tidak dapat dibaca") from error
    except ValueError as error:
        raise CalendarFileError(path, str(error)) from error
