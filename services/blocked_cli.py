"""`datacloud blocked`: what waits for a predecessor or for a person, and what a person does about it.

It works on the service's database, beside the running service, under the same locks.
"""

import getpass
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from services.reaching import act_on_hearing, fetch, known_service
from shared.contracts.topics import GROUPS
from shared.event_sourcing.outcomes import Refused
from shared.messaging import unblocking
from shared.messaging.cli import AsJson, Endpoints
from shared.messaging.unblocking import AnySubscription
from shared.operations.command_line import CannotDo, fitting
from shared.operations.stack import Stack, find_stack
from shared.working_time.days import LOCAL

blocked = typer.Typer(
    help="Catatan yang menunggu pendahulunya atau menunggu seseorang.", no_args_is_help=True
)

ID_MAX = 2**63 - 1


def _not_blank(why: str) -> str:
    if not why.strip():
        message = "alasan (--reason) tidak boleh kosong: ia disimpan bersama nama Anda"
        raise CannotDo(message)
    return why.strip()


ServiceName = Annotated[str, typer.Argument(help="Layanan yang menyimpan catatan itu.")]
Ids = Annotated[
    list[int], typer.Argument(help="Nomor catatan menurut `blocked list`.", min=1, max=ID_MAX)
]
Why = Annotated[
    str,
    typer.Option("--reason", help="Alasan; disimpan bersama nama Anda.", callback=_not_blank),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan terjadi.")]

Done = dict[str, Any]
"""What became of one record or stream: its `id` or `stream`, the `outcome`, and what else there is to say."""
Act = Callable[[AnySubscription], Awaitable[Done]]

_REFUSALS = {
    "not_waiting": "catatan itu tidak (lagi) menunggu",
    "not_of_a_stream": "catatan itu tidak termasuk aliran mana pun: hanya dapat dibuang (discard)",
    "not_heard": "langganan {subscription} tidak lagi dijalankan: hanya dapat dibuang (discard)",
    "behind_another": "catatan lain dari aliran itu lebih dahulu (nomor {next})",
    "nothing_held": "tidak ada catatan aliran itu yang menunggu",
    "nothing_missing": "tidak ada nomor yang hilang: catatan berikutnya sudah ada, lepaskan atau buanglah",
}
_WORDS = {
    "taken_in": "diterima, {successors} penerus ikut",
    "would_be_tried": "akan dicoba lagi; bila diterima, {successors} penerus menyusul",
    "discarded": "dibuang, {successors} penerus ikut berjalan",
    "would_be_discarded": "akan dibuang, {successors} penerus menyusul",
    "skipped": "nomor yang hilang dilepaskan, {successors} penerus ikut berjalan",
    "would_be_skipped": "nomor yang hilang akan dilepaskan, {successors} penerus menyusul",
}
_WORDS_OF_THE_UNDONE = {"held": "menunggu pendahulunya", "parked": "tetap tertahan: {reason}"}
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
    for row in rows:
        row["headers"] = json.loads(row["headers"])
    if as_json and rows:
        typer.echo(json.dumps(rows, default=_text))
    for row in () if as_json else rows:
        typer.echo("\n".join(f"{name}: {_text(value)}" for name, value in row.items()) + "\n")
    if unknown := sorted(set(ids) - {row["id"] for row in rows}):
        message = f"{', '.join(map(str, unknown))}: {_REFUSALS['not_waiting']}"
        raise CannotDo(message)


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

    async def act(subscription: AnySubscription, *, row_id: int) -> Done:
        done = await unblocking.release(subscription, row_id, dry_run=dry_run)
        if done.outcome == "gone_before":
            raise Refused("not_waiting")
        return {"outcome": done.outcome, "reason": done.reason, "successors": done.successors}

    asked: list[tuple[Done, Act]] = [
        ({"id": each}, partial(act, row_id=each)) for each in dict.fromkeys(ids)
    ]
    _do(find_stack(endpoints), known_service(service), asked, as_json=as_json)


@blocked.command()
def discard(  # noqa: PLR0913 - a command's options are its parameters
    service: ServiceName,
    ids: Ids,
    why: Why,
    endpoints: Endpoints = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Buang catatan itu untuk selamanya; alirannya berjalan lagi.

    Contoh: datacloud blocked discard review 12 --reason "uji coba".
    """
    by = getpass.getuser()

    async def act(subscription: AnySubscription, *, row_id: int) -> Done:
        followed = await unblocking.discard(subscription, row_id, by=by, why=why, dry_run=dry_run)
        return {"outcome": "would_be_discarded" if dry_run else "discarded", "successors": followed}

    asked: list[tuple[Done, Act]] = [
        ({"id": each}, partial(act, row_id=each)) for each in dict.fromkeys(ids)
    ]
    _do(find_stack(endpoints), known_service(service), asked, as_json=as_json)


@blocked.command()
def skip(  # noqa: PLR0913 - likewise
    group: Annotated[str, typer.Argument(help="Kelompok konsumen, misalnya review.cases.")],
    topic: Annotated[str, typer.Argument(help="Topik.")],
    stream: Annotated[str, typer.Argument(help="Aliran yang menunggu nomor yang tidak datang.")],
    why: Why,
    endpoints: Endpoints = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Lepaskan nomor yang tidak pernah datang, agar penerusnya berjalan.

    Contoh: datacloud blocked skip review.cases datacloud.requests.v1 7f3a… --reason "hilang di pengirim".
    """
    if group not in GROUPS:
        message = f"kelompok {group!r} tidak dikenal; pilih {', '.join(GROUPS)}"
        raise CannotDo(message)
    by = getpass.getuser()

    async def act(subscription: AnySubscription) -> Done:
        followed = await unblocking.skip(
            subscription, topic, stream, by=by, why=why, dry_run=dry_run
        )
        return {"outcome": "would_be_skipped" if dry_run else "skipped", "successors": followed}

    service = group.partition(".")[0]
    _do(find_stack(endpoints), service, [({"stream": stream}, act)], as_json=as_json)


def _do(stack: Stack, service: str, asked: Sequence[tuple[Done, Act]], *, as_json: bool) -> None:
    """One after the other; each result is told, also when a later one cannot be had. Exit code 1 if not all done."""
    results: list[Done] = []
    try:
        for what, act in asked:
            result = what | _outcome(stack, service, act)
            results.append(result)
            if not as_json:
                (name,) = what.values()
                typer.echo(fitting(f"{name}: {result['message']}"))
    finally:
        if as_json and results:
            typer.echo(json.dumps(results))
    if any(result["outcome"] not in _WORDS for result in results):
        raise typer.Exit(1)


def _outcome(stack: Stack, service: str, act: Act) -> Done:
    try:
        done = act_on_hearing(stack, service, act)
    except Refused as refused:
        sentence = _REFUSALS[refused.code].format(**refused.details)
        return {"outcome": refused.code, "message": sentence}
    words = _WORDS | _WORDS_OF_THE_UNDONE
    return done | {"message": words[done["outcome"]].format(**done)}


def _line(row: dict[str, Any]) -> str:
    place = f"{row['topic']}/{row['partition']}/{row['offset']}"
    what = f"{row['stream'] or '-'} #{row['sequence'] or '-'} {row['reason']}"
    since = row["since"].astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")
    return f"{row['id']} {row['subscription']} {place} {what} sejak {since}"


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
