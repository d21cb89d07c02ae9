"""`datacloud`: what operators type. Every command has --json and --help with an example."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import asyncpg
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from shared.event_sourcing.migrations import ChangedMigration
from shared.event_sourcing.migrations import migrate as migrate_database
from shared.messaging.cli import topics
from shared.messaging.trace import facts_of
from shared.operations.stack import ROOT, SERVICES, StackUnknown, find_stack
from shared.working_time.cli import due

LOCAL = ZoneInfo("Asia/Pontianak")

app = typer.Typer(
    help="Operate the Data Cloud service.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command(name="due")(due)
app.add_typer(topics, name="topics")
blocked = typer.Typer(
    help="Records that wait for a predecessor or for a person.", no_args_is_help=True
)
app.add_typer(blocked, name="blocked")

Endpoints = Annotated[Path | None, typer.Option(help="The endpoints file of a running stack.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def migrate(
    service: Annotated[list[str] | None, typer.Option(help="Only these services.")] = None,
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be applied, change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the databases to the program's version. Example: datacloud migrate --dry-run."""
    stack = find_stack(endpoints)

    async def run() -> dict[str, list[str]]:
        return {
            name: await migrate_database(stack.owner_dsn(name), name, root=ROOT, dry_run=dry_run)
            for name in service or SERVICES
        }

    applied = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(applied))
        return
    verb = "would apply" if dry_run else "applied"
    for name, files in applied.items():
        typer.echo(f"{name}: {verb} {', '.join(files)}" if files else f"{name}: up to date")


@app.command()
def trace(
    registration_number: str, endpoints: Endpoints = None, *, as_json: AsJson = False
) -> None:
    """The facts of one request or complaint over all topics, in order. Example: datacloud trace DC-2026-000001."""
    lines = asyncio.run(facts_of(find_stack(endpoints).kafka, registration_number))
    if as_json:
        typer.echo(json.dumps([
            {"time": each.time.isoformat(), "topic": each.topic, "type": each.type, "subject": each.subject,
             "sequence": each.sequence, "correlation_id": each.correlation_id, "value": each.value}
            for each in lines
        ]))  # fmt: skip
    else:
        table = Table(
            "time (WIB)", "topic", "type", "sequence", "correlation", title=registration_number
        )
        for each in lines:
            local = each.time.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            table.add_row(local, each.topic, each.type, str(each.sequence), each.correlation_id[:8])
        Console().print(table)
    if not lines:
        typer.echo(f"no fact names {registration_number}", err=True)
        raise typer.Exit(1)


_BLOCKED = """
select subscription, topic, partition, "offset", stream, sequence, coalesce(reason, 'held') as reason, detail, since
from blocked order by subscription, topic, stream, sequence
"""


@blocked.command(name="list")
def blocked_list(endpoints: Endpoints = None, *, as_json: AsJson = False) -> None:
    """What waits, where and why. Example: datacloud blocked list --json."""
    stack = find_stack(endpoints)

    async def run() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for service, dsn in stack.postgres.items():
            connection = await asyncpg.connect(dsn, timeout=10)
            try:
                rows += [{"service": service, **row} for row in await connection.fetch(_BLOCKED)]
            finally:
                await connection.close()
        return rows

    rows = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    table = Table("subscription", "place", "stream", "sequence", "reason", "since")
    for row in rows:
        place = f"{row['topic']}/{row['partition']}/{row['offset']}"
        table.add_row(str(row["subscription"]), place, str(row["stream"] or "-"), str(row["sequence"] or "-"),
                      str(row["reason"]), str(row["since"]))  # fmt: skip
    Console().print(table if rows else "nothing is blocked")


def main() -> None:
    """Entry point: what an operator did wrong is one line, not a traceback."""
    try:
        app()
    except (StackUnknown, ChangedMigration, OSError, KafkaError, asyncpg.PostgresError) as error:
        typer.echo(f"datacloud: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
