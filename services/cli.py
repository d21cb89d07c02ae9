"""`datacloud`: what operators type. Every command has --json and --help with an example, and fails in one line."""

import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import asyncpg
import typer

from shared.event_sourcing.migrations import ChangedMigration
from shared.event_sourcing.migrations import migrate as migrate_database
from shared.messaging.cli import AsJson, Endpoints, ask_kafka, topics
from shared.messaging.in_words import in_short
from shared.messaging.trace import facts_of
from shared.operations.stack import ROOT, SERVICES, StackUnknown, find_stack
from shared.working_time.cli import due
from shared.working_time.days import LOCAL

app = typer.Typer(
    help="Mengoperasikan layanan Data Cloud.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command(name="due")(due)
app.add_typer(topics, name="topics")
blocked = typer.Typer(
    help="Catatan yang menunggu pendahulunya atau menunggu seseorang.", no_args_is_help=True
)
app.add_typer(blocked, name="blocked")


class Refused(Exception):  # noqa: N818 - told to the operator as it is
    """A command cannot do what it was asked; the message is Indonesian, for the operator."""


@contextmanager
def _database_of(service: str) -> Iterator[None]:
    """Whatever goes wrong with this database is told with its name."""
    try:
        yield
    except ChangedMigration as error:
        message = f"berkas migrasi {service} bukan yang dahulu diterapkan: {error}"
        raise Refused(message) from None
    except OSError as error:
        message = f"basis data {service} tidak menjawab ({type(error).__name__})"
        raise Refused(message) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        message = f"basis data {service} menolak ({type(error).__name__}: {first})"
        raise Refused(message) from None


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
        raise Refused(message)
    stack = find_stack(endpoints)

    async def run() -> dict[str, list[str]]:
        applied = {}
        for name in service or SERVICES:
            with _database_of(name):
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
        typer.echo(_fitting(in_short(each)))
    if not lines:
        message = f"tidak ada fakta yang memuat {registration_number}"
        raise Refused(message)


def _fitting(line: str) -> str:
    """Folded between words where somebody reads it on a terminal, whole where a program does."""
    if not sys.stdout.isatty():
        return line
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(line, width, subsequent_indent=" " * 20, break_on_hyphens=False)


_BLOCKED = """
select subscription, topic, partition, "offset", stream, sequence, coalesce(reason, 'held') as reason, detail, since
from blocked order by subscription, topic, stream, sequence
"""


@blocked.command(name="list")
def blocked_list(endpoints: Endpoints = None, *, as_json: AsJson = False) -> None:
    """Apa yang tertahan, di mana dan mengapa. Contoh: datacloud blocked list --json."""
    stack = find_stack(endpoints)

    async def run() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for service, dsn in stack.postgres.items():
            with _database_of(service):
                connection = await asyncpg.connect(dsn, timeout=10)
                try:
                    found = await connection.fetch(_BLOCKED)
                finally:
                    await connection.close()
            rows += [{"service": service, **row} for row in found]
        return rows

    rows = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(_fitting(_waiting(row)))
    if not rows:
        typer.echo("Tidak ada yang tertahan.")


def _waiting(row: dict[str, Any]) -> str:
    place = f"{row['topic']}/{row['partition']}/{row['offset']}"
    what = f"{row['stream'] or '-'} #{row['sequence'] or '-'} {row['reason']}"
    since = row["since"].astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")
    return f"{row['subscription']} {place} {what} sejak {since}"


def main() -> None:
    """Entry point: what an operator did wrong, or what is away, is one line and an exit code."""
    try:
        app()
    except (StackUnknown, Refused) as error:
        typer.echo(f"Galat: {error}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
