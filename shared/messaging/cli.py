"""`datacloud topics`: make the topics of the table on a broker, or say how the broker differs from it."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from aiokafka.errors import KafkaError

from shared.messaging import topics_admin
from shared.operations.stack import find_stack

topics = typer.Typer(help="Topik Kafka menurut tabel kontrak.", no_args_is_help=True)

_DIFFERENT = 1
_UNREACHABLE = 3

T = TypeVar("T")
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
    done = ask_kafka(broker, topics_admin.apply(broker, dry_run=dry_run))
    _say(done, as_json=as_json, otherwise="Semua topik sudah ada dan sesuai.")


@topics.command()
def check(
    bootstrap: Bootstrap = None, endpoints: Endpoints = None, *, as_json: AsJson = False
) -> None:
    """Bandingkan broker dengan tabel; kode keluar 1 bila berbeda. Contoh: datacloud topics check --json."""
    broker = bootstrap or find_stack(endpoints).kafka
    differences = ask_kafka(broker, topics_admin.check(broker))
    _say(differences, as_json=as_json, otherwise="Semua topik sesuai.")
    if differences:
        raise typer.Exit(_DIFFERENT)


def ask_kafka(broker: str, asked: Coroutine[None, None, T]) -> T:
    """What Kafka answers; exit code 3 with one line, and none of the client's own, when it does not."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    try:
        return asyncio.run(asked)
    except (KafkaError, OSError, ValueError) as error:  # aiokafka: ValueError for odd addresses
        typer.echo(f"Galat: Kafka di {broker} tidak menjawab ({type(error).__name__}).", err=True)
        raise typer.Exit(_UNREACHABLE) from None


def _say(lines: list[str], *, as_json: bool, otherwise: str) -> None:
    if as_json:
        typer.echo(json.dumps(lines))
    else:
        typer.echo("\n".join(lines) or otherwise)
