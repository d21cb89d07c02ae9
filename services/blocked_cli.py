"""`datacloud blocked`: what waits for a predecessor or for a person, and what a person does about it.

It works on the service's database, beside the running service, under the same locks.
"""

import getpass
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import typer

from services.reaching import act_on_hearing, fetch, known_service
from shared.contracts.topics import GROUPS
from shared.event_sourcing.outcomes import Refused
from shared.messaging import unblocking
from shared.messaging.cli import AsJson, Endpoints
from shared.messaging.unblocking import AnySubscription, Released
from shared.operations.command_line import CannotDo, fitting
from shared.operations.stack import Stack, find_stack
from shared.working_time.days import LOCAL

blocked = typer.Typer(
    help="Catatan yang menunggu pendahulunya atau menunggu seseorang.", no_args_is_help=True
)

T = TypeVar("T")
ServiceName = Annotated[str, typer.Argument(help="Layanan yang menyimpan catatan itu.")]
Ids = Annotated[list[int], typer.Argument(help="Nomor catatan menurut `blocked list`.")]
Why = Annotated[str, typer.Option("--reason", help="Alasan; disimpan bersama nama Anda.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan terjadi.")]

_REFUSALS = {
    "not_waiting": "catatan itu tidak (lagi) menunggu",
    "not_of_a_stream": "catatan itu tidak termasuk aliran mana pun: hanya dapat dibuang (discard)",
    "behind_another": "catatan lain dari aliran itu lebih dahulu (nomor {next})",
    "nothing_held": "tidak ada catatan aliran itu yang menunggu",
    "nothing_missing": "tidak ada nomor yang hilang: catatan berikutnya sudah ada, lepaskan atau buanglah",
}
_WORDS = {
    "taken_in": "diterima, {successors} penerus ikut",
    "gone_before": "sudah tidak menunggu",
    "held": "menunggu pendahulunya",
    "parked": "tetap tertahan: {reason}",
}
_LIST = """
select id, subscription, topic, partition, "offset", stream, sequence, coalesce(reason, 'held') as reason, detail, since
from blocked order by subscription, topic, stream, sequence
"""
_SHOW = "select * from blocked where id = any($1::bigint[]) order by id"


@blocked.command(name="list")
def list_(endpoints: Endpoints = None, *, as_json: AsJson = False) -> None:
    """Apa yang tertahan, di mana dan mengapa. Contoh: datacloud blocked list --json."""
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
        typer.echo("Tidak ada yang tertahan.")


@blocked.command()
def show(
    service: ServiceName, ids: Ids, endpoints: Endpoints = None, *, as_json: AsJson = False
) -> None:
    """Isi catatan: alasan, tajuk, nilai. Contoh: datacloud blocked show review 12."""
    rows = fetch(find_stack(endpoints), known_service(service), _SHOW, ids)
    if not rows:
        raise CannotDo(_REFUSALS["not_waiting"])
    for row in rows:
        row["headers"] = json.loads(row["headers"])
    if as_json:
        typer.echo(json.dumps(rows, default=_text))
        return
    for row in rows:
        typer.echo("\n".join(f"{name}: {_text(value)}" for name, value in row.items()) + "\n")


@blocked.command()
def release(
    service: ServiceName,
    ids: Ids,
    endpoints: Endpoints = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Coba catatan itu lagi; penerusnya menyusul berurutan. Contoh: datacloud blocked release review 12 13."""
    stack, name = find_stack(endpoints), known_service(service)
    if dry_run:
        _say_what_would(stack, name, ids, "dilepaskan", as_json=as_json)
        return
    done = [
        _acting(stack, name, row_id, partial(unblocking.release, row_id=row_id)) for row_id in ids
    ]
    if as_json:
        typer.echo(json.dumps([_as_dict(each) for each in done]))
    else:
        for each in done:
            typer.echo(f"{each.row_id}: {_WORDS[each.outcome].format(**_as_dict(each))}")
    if any(each.outcome in ("held", "parked") for each in done):
        raise typer.Exit(1)


@blocked.command()
def discard(  # noqa: PLR0913 - a command's options are its parameters
    service: ServiceName,
    row_id: Annotated[int, typer.Argument(metavar="ID", help="Nomor catatan.")],
    why: Why,
    endpoints: Endpoints = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Buang catatan itu untuk selamanya; alirannya berjalan lagi.

    Contoh: datacloud blocked discard review 12 --reason "uji coba".
    """
    stack, name = find_stack(endpoints), known_service(service)
    if dry_run:
        _say_what_would(stack, name, [row_id], "dibuang", as_json=as_json)
        return
    by = getpass.getuser()
    discarding = partial(unblocking.discard, row_id=row_id, by=by, why=why)
    followed = _acting(stack, name, row_id, discarding)
    _say_done({"id": row_id, "outcome": "discarded", "successors": followed}, as_json=as_json)


@blocked.command()
def skip(  # noqa: PLR0913 - likewise
    group: Annotated[str, typer.Argument(help="Kelompok konsumen, misalnya review.cases.")],
    topic: Annotated[str, typer.Argument(help="Topik.")],
    stream: Annotated[str, typer.Argument(help="Aliran yang menunggu nomor yang tidak datang.")],
    why: Why,
    endpoints: Endpoints = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Lepaskan nomor yang tidak pernah datang, agar penerusnya berjalan.

    Contoh: datacloud blocked skip review.cases datacloud.requests.v1 7f3a… --reason "hilang di pengirim".
    """
    if group not in GROUPS:
        message = f"kelompok {group!r} tidak dikenal; pilih {', '.join(GROUPS)}"
        raise CannotDo(message)
    stack, name, by = find_stack(endpoints), group.partition(".")[0], getpass.getuser()
    skipping = partial(unblocking.skip, topic=topic, stream=stream, by=by, why=why)
    followed = _told(partial(act_on_hearing, stack, name, skipping))
    _say_done({"stream": stream, "outcome": "skipped", "successors": followed}, as_json=as_json)


def _acting(
    stack: Stack, service: str, row_id: int, act: Callable[[AnySubscription], Awaitable[T]]
) -> T:
    """On the subscription that the record waits for; a record that waits no more is said so."""
    if not fetch(stack, service, _SHOW, [row_id]):
        raise CannotDo(_REFUSALS["not_waiting"])
    return _told(partial(act_on_hearing, stack, service, act))


def _told(act: Callable[[], T]) -> T:
    try:
        return act()
    except Refused as refused:
        raise CannotDo(_REFUSALS[refused.code].format(**refused.details)) from None


def _say_what_would(
    stack: Stack, service: str, ids: list[int], done: str, *, as_json: bool
) -> None:
    rows = fetch(stack, service, _SHOW, ids)
    if not rows:
        raise CannotDo(_REFUSALS["not_waiting"])
    if as_json:
        typer.echo(json.dumps([row["id"] for row in rows]))
        return
    for row in rows:
        typer.echo(fitting(f"akan {done}: {_line(row | {'reason': row['reason'] or 'held'})}"))


def _say_done(done: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(f"selesai: {done['successors']} penerus ikut berjalan")


def _line(row: dict[str, Any]) -> str:
    place = f"{row['topic']}/{row['partition']}/{row['offset']}"
    what = f"{row['stream'] or '-'} #{row['sequence'] or '-'} {row['reason']}"
    since = row["since"].astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")
    return f"{row['id']} {row['subscription']} {place} {what} sejak {since}"


def _as_dict(released: Released) -> dict[str, object]:
    return {
        "row_id": released.row_id,
        "outcome": released.outcome,
        "reason": released.reason,
        "successors": released.successors,
    }


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
