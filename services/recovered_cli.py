"""`datacloud recovered`: what a restored database had forgotten, and its topics had not."""

import json
from typing import Annotated, Any

import typer

from services.reaching import fetch, known_service
from shared.messaging.cli import AsJson, Endpoints
from shared.operations.command_line import CannotDo, fitting
from shared.operations.stack import find_stack
from shared.working_time.days import LOCAL

recovered = typer.Typer(
    help="Fakta yang dipulihkan dari topik setelah basis data dikembalikan.", no_args_is_help=True
)

_LIST = """
select e.stream_id, array_agg(e.published order by e.version) as numbers,
    array_agg(e.fact_type order by e.version) as facts, max(e.recorded_at) as recovered_at,
    not exists (select from events as o where o.stream_id = e.stream_id
        and o.type not in ('fact_recovered', 'fact_renumbered')) as gone,
    array(select name from reserved as r where r.stream_id = e.stream_id order by name) as names
from events as e where e.type = 'fact_recovered' group by e.stream_id order by recovered_at, e.stream_id
"""
_ONE = f"select * from ({_LIST}) as every where stream_id = $1"  # noqa: S608 - fixed text
_FREE = "delete from reserved where stream_id = $1 returning name"


@recovered.command(name="list")
def list_(endpoints: Endpoints = None, *, as_json: AsJson = False) -> None:
    """Aliran mana yang kehilangan peristiwa, dan fakta apa yang dipulihkan. Contoh: datacloud recovered list --json."""
    stack = find_stack(endpoints)
    rows = [
        {"service": service, **row}
        for service in stack.postgres
        for row in fetch(stack, service, _LIST)
    ]
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(fitting(_line(row)))
    if not rows:
        typer.echo("Tidak ada fakta yang dipulihkan.")


@recovered.command()
def free(
    service: Annotated[str, typer.Argument(help="Layanan pemilik aliran itu.")],
    stream: Annotated[str, typer.Argument(help="Aliran menurut `recovered list`.")],
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan dilepas.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lepas nama yang dipegang aliran yang hilang, agar perangkat daerahnya dapat mengajukan lagi.

    Contoh: datacloud recovered free intake 7f3a9c10-0000-7000-8000-000000000001 --dry-run.
    """
    stack, name = find_stack(endpoints), known_service(service)
    found = fetch(stack, name, _ONE, stream)
    if not found:
        message = f"tidak ada fakta yang dipulihkan pada aliran {stream}"
        raise CannotDo(message)
    if not found[0]["gone"]:
        message = f"aliran {stream} masih punya keadaan: selesaikan dengan perintah biasa"
        raise CannotDo(message)
    names = found[0]["names"]
    if not dry_run:
        names = sorted(row["name"] for row in fetch(stack, name, _FREE, stream))
    if as_json:
        typer.echo(json.dumps(names))
        return
    verb = "akan dilepas" if dry_run else "dilepas"
    for each in names:
        typer.echo(f"{name}: {each} {verb}")
    if not names:
        typer.echo(f"{name}: aliran itu tidak memegang nama apa pun")


def _line(row: dict[str, Any]) -> str:
    facts = ", ".join(
        f"#{number} {fact.removeprefix('datacloud.')}"
        for number, fact in zip(row["numbers"], row["facts"], strict=True)
    )
    at = row["recovered_at"].astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")
    left = "aliran hilang" if row["gone"] else "keadaan dari cadangan"
    held = f"; memegang {', '.join(row['names'])}" if row["names"] else ""
    return f"{row['service']} {row['stream_id']}: {facts} dipulihkan {at}; {left}{held}"
