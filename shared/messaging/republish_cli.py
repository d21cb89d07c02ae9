"""`datacloud topics republish`: lost topics are filled again by the services that own them."""

import asyncio
import json
from typing import Annotated

import typer

from shared.messaging.cli import AsJson, Endpoints
from shared.messaging.republishing import NoTopic, owned_by
from shared.messaging.republishing import republish as refill
from shared.operations.command_line import CannotDo, database_of, fitting
from shared.operations.stack import SERVICES, find_stack

_WORDS = {
    "facts": "fakta",
    "persons and texts": "data orang dan teks",
    "dead letters": "catatan tertahan",
}


def republish(
    service: Annotated[
        list[str] | None, typer.Option(help=f"Hanya layanan ini: {', '.join(SERVICES)}.")
    ] = None,
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan diterbitkan ulang.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Isi ulang topik yang hilang dari basis data pemiliknya: nomor, isi dan urutannya tetap sama.

    Jalankan sebelum `topics apply`; yang mengirim adalah layanan yang berjalan. Pembaca menemukan kembaran saja.
    Contoh: datacloud topics republish --service intake --dry-run.
    """
    if unknown := [name for name in service or () if name not in SERVICES]:
        message = f"layanan {unknown[0]!r} tidak dikenal; pilih {', '.join(SERVICES)}"
        raise CannotDo(message)
    stack, told = find_stack(endpoints), {}
    for name in service or SERVICES:
        with database_of(name):
            try:
                told[name] = asyncio.run(
                    refill(stack.owner_dsn(name), owned_by(name), dry_run=dry_run)
                )
            except NoTopic as error:
                message = f"fakta {name} tanpa topik: {error}"
                raise CannotDo(message) from None
        for line in () if as_json else _lines(name, told[name], dry_run=dry_run):
            typer.echo(fitting(line))
    if as_json:
        typer.echo(json.dumps(told))


def _lines(service: str, topics: dict[str, dict[str, int]], *, dry_run: bool) -> list[str]:
    verb = "akan diterbitkan ulang" if dry_run else "diterbitkan ulang"
    lines = [
        f"{service}: {topic}: {', '.join(f'{count} {_WORDS[what]}' for what, count in counts.items())} {verb}"
        for topic, counts in sorted(topics.items())
    ]
    return lines or [f"{service}: tidak ada yang perlu diterbitkan ulang"]
