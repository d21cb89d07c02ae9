"""`datacloud due`: reckon a deadline and explain it (DOMAIN section 4)."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from shared.working_time.calendar import WorkingCalendar
from shared.working_time.calendar_files import CalendarFileError
from shared.working_time.days import LOCAL, OffsetMissingError, SkippedDay, WorkingTimeError
from shared.working_time.deadlines import Deadline, Limit
from shared.working_time.explanation import deadline_in_words, explain

_MISUSE = 2


class _MisuseError(ValueError):
    """An option that cannot be read; the message is for the person who typed it."""


def due(  # noqa: PLR0913 - each option of a typer command is a parameter
    *,
    received: Annotated[
        str,
        typer.Option(help="Waktu penerimaan dengan selisih zona: 2026-11-23T10:00+07:00."),
    ],
    limit: Annotated[
        str, typer.Option(help="Jangka waktu: 5wd (hari kerja) atau 3wh (jam kerja).")
    ],
    calendar_as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Hanya keputusan yang ditetapkan sampai tanggal ini."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Keluaran JSON satu baris.")] = False,
    explained: Annotated[
        bool, typer.Option("--explain", help="Jelaskan setiap hari yang dilewati.")
    ] = False,
    calendars: Annotated[
        Path | None,
        typer.Option(help="Direktori kalender lain, berisi <tahun>.toml dan hours.toml."),
    ] = None,
) -> None:
    """Hitung batas waktu. Contoh: datacloud due --received 2026-11-23T10:00+07:00 --limit 1wd."""
    try:
        received_at = _instant(received)
        parsed = Limit.parse(limit)
        deadline = _calendar(calendars, calendar_as_of).due(received_at, parsed)
    except (WorkingTimeError, CalendarFileError, _MisuseError) as error:
        typer.echo(f"Galat: {error}", err=True)
        raise typer.Exit(_MISUSE) from None
    if as_json:
        typer.echo(json.dumps(as_dictionary(deadline), ensure_ascii=False))
    elif explained:
        typer.echo("\n".join(explain(received_at, parsed, deadline)))
    else:
        typer.echo(deadline_in_words(deadline))


def as_dictionary(deadline: Deadline) -> dict[str, object]:
    """The deadline as JSON tells it: instants on the clock of the office."""
    return {
        "due_on": deadline.due_on.isoformat(),
        "due_at": deadline.due_at and _at_the_office(deadline.due_at),
        "breach_at": _at_the_office(deadline.breach_at),
        "provisional": deadline.provisional,
        "skipped": [_skipped(day) for day in deadline.skipped],
    }


def _skipped(day: SkippedDay) -> dict[str, str | None]:
    return {
        "date": day.on.isoformat(),
        "kind": day.kind,
        "reason": day.reason,
        "decree": day.decree,
    }


def _at_the_office(at: datetime) -> str:
    return at.astimezone(LOCAL).isoformat()


def _calendar(directory: Path | None, as_of: str | None) -> WorkingCalendar:
    calendar = WorkingCalendar.load(directory) if directory else WorkingCalendar.bundled()
    if as_of is None:
        return calendar
    try:
        return calendar.as_of(date.fromisoformat(as_of))
    except ValueError:
        message = f"--calendar-as-of {as_of!r} bukan tanggal; tulis misalnya 2025-08-07."
        raise _MisuseError(message) from None


def _instant(text: str) -> datetime:
    try:
        received_at = datetime.fromisoformat(text)
    except ValueError:
        message = (
            f"--received {text!r} bukan waktu ISO 8601; tulis misalnya 2026-11-23T10:00+07:00."
        )
        raise _MisuseError(message) from None
    if received_at.utcoffset() is None:
        raise OffsetMissingError(received_at)
    return received_at


app = typer.Typer(add_completion=False)
app.command()(due)

if __name__ == "__main__":
    app()
