"""`datacloud views`: the view tables folded again from the events, as the owner of each database."""

import asyncio
import json
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from services.reaching import known_service
from shared.event_sourcing import rebuild as folding
from shared.event_sourcing.rebuild import Busy, Rebuilt
from shared.event_sourcing.store import Definition
from shared.event_sourcing.view_tables import Compared, NotAView
from shared.messaging.cli import AsJson, Endpoints
from shared.operations.command_line import CannotDo, database_of, fitting
from shared.operations.stack import SERVICES, find_stack

views = typer.Typer(
    help="Tabel tampilan, yang selalu dapat dilipat ulang dari peristiwa.", no_args_is_help=True
)

_DIFFERENT = 1
Services = Annotated[
    list[str] | None, typer.Option("--service", help=f"Hanya layanan ini: {', '.join(SERVICES)}.")
]
AnyDefinition = Definition[Any, Any, Any]


@views.command()
def rebuild(
    service: Services = None,
    endpoints: Endpoints = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Hanya katakan apa yang akan dilipat.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Hanya bandingkan; kode keluar 1 bila ada yang berbeda."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lipat ulang tampilan dari semua peristiwa di samping yang hidup, lalu tukar yang berbeda.

    Layanan boleh tetap berjalan; tidak ada yang diterbitkan, dijadwalkan atau dikirim.
    Contoh: datacloud views rebuild --service intake --check.
    """
    names = [known_service(name) for name in service or SERVICES]
    stack, done, differs = find_stack(endpoints), [], False
    tell = _nothing if as_json else _line_by_line
    for name in names:
        definition: AnyDefinition = import_module(f"services.{name}.app").DEFINITION
        if not definition.views:
            tell(f"{name}: tidak ada tampilan")
            continue
        dsn = stack.owner_dsn(name)
        events = _ask(name, folding.count_events(dsn, definition))
        tell(_plan(name, definition.views, events, check=check))
        if dry_run:
            done.append({"service": name, "views": list(definition.views), "events": events})
            continue
        rebuilt: Rebuilt = _ask(name, folding.rebuild(dsn, definition, check=check))
        differs = differs or any(view.differs for view in rebuilt.views)
        done.append(_as_dict(name, rebuilt))
        tell(*(f"{name}: {_line(view, replaced=rebuilt.replaced)}" for view in rebuilt.views))
    if as_json:
        typer.echo(json.dumps(done))
    if check and differs:
        raise typer.Exit(_DIFFERENT)


def _line_by_line(*lines: str) -> None:
    for line in lines:
        typer.echo(fitting(line))


def _nothing(*_: str) -> None:
    """A program reads the one line of JSON at the end."""


def _ask(service: str, asked: Any) -> Any:  # noqa: ANN401 - a coroutine and its answer
    with database_of(service):
        try:
            return asyncio.run(asked)
        except Busy:
            message = f"tampilan {service} sedang dipakai atau sedang dilipat ulang; coba lagi"
            raise CannotDo(message) from None
        except NotAView as error:
            message = f"tampilan {service} tidak dapat dilipat ulang: {error}"
            raise CannotDo(message) from None


def _plan(service: str, tables: Sequence[str], events: int, *, check: bool) -> str:
    verb = "dibandingkan dengan" if check else "dilipat ulang dari"
    return f"{service}: {', '.join(tables)} akan {verb} {events} peristiwa"


def _line(view: Compared, *, replaced: bool) -> str:
    if not view.differs:
        return f"{view.table}: {view.rows} baris, sesuai"
    counts = f"{view.different} berbeda, {view.missing} hilang, {view.surplus} berlebih"
    end, examples = "; sudah diganti" if replaced else "", ", ".join(view.examples)
    return f"{view.table}: {view.rows} baris, {counts}{end} (misalnya {examples})"


def _as_dict(service: str, rebuilt: Rebuilt) -> dict[str, object]:
    return {
        "service": service,
        "events": rebuilt.events,
        "views": [
            {
                "table": view.table,
                "rows": view.rows,
                "missing": view.missing,
                "surplus": view.surplus,
                "different": view.different,
                "examples": list(view.examples),
                "replaced": rebuilt.replaced and view.differs,
            }
            for view in rebuilt.views
        ],
    }
