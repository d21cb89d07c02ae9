"""`datacloud topics`: make the topics of the table on a broker, or say how the broker differs from it."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from shared.messaging import topics_admin
from shared.operations.stack import find_stack

topics = typer.Typer(help="Topik Kafka menurut tabel kontrak.", no_args_is_help=True)

_DIFFERENT = 1
_UNREACHABLE = 3

Bootstrap = Annotated[
    str | None,
    typer.Option(
        envvar="DATACLOUD_KAFKA_BOOTSTRAP",
        metavar="HOST:PORT",
        help="Alamat broker Kafka; tanpa ini, yang tertulis di berkas endpoints.",
    ),
]
Endpoints = Annotated[Path | None, typer.Option(help="Berkas endpoints sistem yang berjalan.")]
AsJson = Annotated[bool, typer.Option("--json", help="Keluaran JSON satu baris.")]


@topics.command()
def apply(
    bootstrap: Bootstrap = None,
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan dibuat.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Buat topik yang belum ada; topik yang sudah ada tidak diubah. Contoh: datacloud topics apply --dry-run."""
    broker = bootstrap or find_stack(endpoints).kafka
    done = _run(topics_admin.apply(broker, dry_run=dry_run))
    _say(done, as_json=as_json, otherwise="Semua topik sudah ada dan sesuai.")


@topics.command()
def check(
    bootstrap: Bootstrap = None, endpoints: Endpoints = None, *, as_json: AsJson = False
) -> None:
    """Bandingkan broker dengan tabel; kode keluar 1 bila berbeda. Contoh: datacloud topics check --json."""
    differences = _run(topics_admin.check(bootstrap or find_stack(endpoints).kafka))
    _say(differences, as_json=as_json, otherwise="Semua topik sesuai.")
    if differences:
        raise typer.Exit(_DIFFERENT)


def _run(asked: Coroutine[None, None, list[str]]) -> list[str]:
    try:
        return asyncio.run(asked)
    except (KafkaError, OSError) as error:
        typer.echo(f"Galat: Kafka tidak menjawab ({error}).", err=True)
        raise typer.Exit(_UNREACHABLE) from None


def _say(lines: list[str], *, as_json: bool, otherwise: str) -> None:
    if as_json:
        typer.echo(json.dumps(lines))
    else:
        typer.echo("\n".join(lines) or otherwise)
