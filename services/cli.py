"""`datacloud`: what operators type. Every command has --json and --help with an example, and fails in one line."""

import asyncio
import json
import sys
from typing import Annotated

import structlog
import typer

from services.blocked_cli import blocked
from services.recovered_cli import recovered
from services.views_cli import views
from shared.event_sourcing.migrations import migrate as migrate_database
from shared.messaging.cli import AsJson, Endpoints, ask_kafka, topics
from shared.messaging.in_words import in_short
from shared.messaging.republish_cli import republish
from shared.messaging.trace import facts_of
from shared.operations.command_line import CannotDo, database_of, fitting
from shared.operations.stack import ROOT, SERVICES, StackUnknown, find_stack
from shared.working_time.cli import due

app = typer.Typer(
    help="Mengoperasikan layanan Data Cloud.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command(name="due")(due)
topics.command()(republish)
app.add_typer(topics, name="topics")
app.add_typer(blocked, name="blocked")
app.add_typer(views, name="views")
app.add_typer(recovered, name="recovered")


@app.command()
def migrate(
    service: Annotated[
        list[str] | None, typer.Option(help=f"Hanya layanan ini: {', '.join(SERVICES)}.")
    ] = None,
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option(help="Katakan apa yang akan diterapkan, tanpa mengubah apa pun.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bawa basis data ke versi program. Contoh: datacloud migrate --dry-run."""
    if unknown := [name for name in service or () if name not in SERVICES]:
        message = f"layanan {unknown[0]!r} tidak dikenal; pilih {', '.join(SERVICES)}"
        raise CannotDo(message)
    stack = find_stack(endpoints)

    async def run() -> dict[str, list[str]]:
        applied = {}
        for name in service or SERVICES:
            with database_of(name):
                dsn = stack.owner_dsn(name)
                applied[name] = await migrate_database(dsn, name, root=ROOT, dry_run=dry_run)
        return applied

    applied = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(applied))
        return
    verb = "akan diterapkan" if dry_run else "diterapkan"
    for name, files in applied.items():
        typer.echo(f"{name}: {verb} {', '.join(files)}" if files else f"{name}: sudah mutakhir")


@app.command()
def trace(
    registration_number: Annotated[str, typer.Argument(help="Nomor registrasi.")],
    endpoints: Endpoints = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Fakta satu permintaan atau pengaduan dari semua topik, dalam WIB. Contoh: datacloud trace DC-2026-000001."""
    broker = find_stack(endpoints).kafka
    lines = ask_kafka(broker, facts_of(broker, registration_number))
    if as_json:
        typer.echo(json.dumps([
            {"time": each.time.isoformat(), "topic": each.topic, "type": each.type, "subject": each.subject,
             "sequence": each.sequence, "correlation_id": each.correlation_id, "value": each.value}
            for each in lines
        ]))  # fmt: skip
    for each in () if as_json else lines:
        typer.echo(fitting(in_short(each)))
    if not lines:
        message = f"tidak ada fakta yang memuat {registration_number}"
        raise CannotDo(message)


def main() -> None:
    """Entry point: what an operator did wrong, or what is away, is one line and an exit code.

    What the services' code logs meanwhile goes to stderr: stdout is the answer, and JSON if so asked.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except (StackUnknown, CannotDo) as error:
        typer.echo(f"Galat: {error}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
