"""Development only: draft a calendar file from the `holidays` package, and compare ours with it.

    python -m shared.working_time.seed draft 2029 > shared/working_time/calendars/2029.toml
    python -m shared.working_time.seed compare

A draft is provisional: the decree of every day is entered by hand, then `provisional = false`.
The package is the seed of our data and is imported nowhere else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import holidays
import typer

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.calendar_files import BUNDLED
from shared.working_time.days import DayOffKind

_CATEGORIES: tuple[tuple[str, DayOffKind], ...] = (
    ("public", "national"),
    ("government", "joint_leave"),
)
_ESTIMATED = " (perkiraan)"
_EID = "Hari Raya Idul Fitri"
_LONGEST_RAMADAN = timedelta(days=30)


@dataclass(frozen=True, slots=True, order=True)
class SeededDay:
    """A day as the package tells it."""

    on: date
    name: str
    kind: DayOffKind


def seeded_days(year: int) -> tuple[SeededDay, ...]:
    """Both categories of the package: its default leaves out all joint leave."""
    days = [
        SeededDay(on, name.removesuffix(_ESTIMATED), kind)
        for category, kind in _CATEGORIES
        for on, names in holidays.country_holidays(
            "ID", years=year, categories=(category,), language="id"
        ).items()
        for name in names.split("; ")
    ]
    return tuple(sorted(days))


def drafted(year: int) -> str:
    """A provisional calendar file of that year, as TOML."""
    source = f"paket holidays {version('holidays')}, perkiraan; belum ada SKB"
    return "\n".join((*_draft_lines(year, source), ""))


def differences(calendar: WorkingCalendar) -> tuple[str, ...]:
    """What the package and the calendar do not agree on, local days off aside."""
    return tuple(
        f"{day.on.isoformat()} {day.kind} {day.name}: {where}"
        for year in calendar.years
        for day, where in _differences_of(calendar, year)
    )


def _differences_of(calendar: WorkingCalendar, year: int) -> Iterator[tuple[SeededDay, str]]:
    ours = {
        SeededDay(day_off.on, day_off.name, day_off.kind)
        for day_off in calendar.days_off_in(year)
        if day_off.kind != "local"
    }
    theirs = set(seeded_days(year))
    for day in sorted(ours ^ theirs):
        yield day, "only in our file" if day in ours else "only in the package"


def _draft_lines(year: int, source: str) -> Iterator[str]:
    yield f"# Rancangan kalender kerja {year}; lengkapi setiap hari dengan keputusannya."
    yield f"\nyear = {year}\nprovisional = true"
    days = seeded_days(year)
    for eid in (day.on for day in days if day.name == _EID):
        yield f"\n[[ramadan]]\nfirst_on = {eid - _LONGEST_RAMADAN}"
        yield f"last_on = {eid - timedelta(days=1)}\nsource = {_quoted(source)}"
    for day in days:
        yield f"\n[[day]]\ndate = {day.on}\nname = {_quoted(day.name)}"
        yield f"kind = {_quoted(day.kind)}\nsource = {_quoted(source)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


app = typer.Typer(add_completion=False, help="Bahan kalender kerja dari paket holidays.")


@app.command()
def draft(year: int) -> None:
    """Tulis rancangan kalender satu tahun."""
    typer.echo(drafted(year), nl=False)


@app.command()
def compare(directory: Annotated[Path, typer.Argument()] = BUNDLED) -> None:
    """Bandingkan kalender dengan paket; keluar dengan 1 bila berbeda."""
    found = differences(WorkingCalendar.load(directory))
    for difference in found:
        typer.echo(difference)
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    app()
