"""Pages from templates: the service's own, in the layout that all share. No script; nothing is unescaped."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.web.acting import opened
from shared.web.problems import Problem, field_problem
from shared.web.tracking import CaseKind, TrackingKeys
from shared.working_time.explanation import date_in_words, instant_in_words

_SHARED = Path(__file__).parent / "templates"
_FORM_BYTES_MAX = 4096


class Line(Protocol):
    """Something that happened to a case."""

    @property
    def at(self) -> datetime: ...
    @property
    def what(self) -> str: ...


class Case(Protocol):
    """What every status page shows."""

    @property
    def registration_number(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def due_on(self) -> date | None: ...
    @property
    def breached(self) -> bool: ...
    @property
    def timeline(self) -> Sequence[Line]: ...


PATHS: Mapping[CaseKind, str] = {"request": "/permintaan", "complaint": "/pengaduan"}
Find = Callable[[UUID], Awaitable[Case | None]]


class Pages:
    """Renders a service's templates."""

    def __init__(self, *directories: Path) -> None:
        self._templates = Environment(
            loader=FileSystemLoader([*directories, _SHARED]),
            autoescape=True,
            undefined=StrictUndefined,
        )

    def page(self, template: str, status_code: int = 200, **values: object) -> HTMLResponse:
        """The template filled in."""
        return HTMLResponse(self._templates.get_template(template).render(values), status_code)

    def ask_for_code(self, what: str, *, wrong: bool = False) -> HTMLResponse:
        """The page before the code; after a wrong one it says so (404)."""
        return self.page("status.html", 404 if wrong else 200, what=what, case=None, wrong=wrong)

    def status(self, what: str, case: Case, words: Mapping[str, str]) -> HTMLResponse:
        """Where the case stands; `words` are the Indonesian for its statuses and happenings."""
        return self.page(
            "status.html",
            what=what,
            case=case,
            status=words[case.status],
            due=date_in_words(case.due_on) if case.due_on else "",
            timeline=[(instant_in_words(line.at), words[line.what]) for line in case.timeline],
        )


def status_routes(
    pages: Pages, keys: TrackingKeys, kind: CaseKind, find: Find, words: Mapping[str, str]
) -> APIRouter:
    """A case's page: it asks for the tracking code; an unknown case and a wrong code look alike."""
    router, what = APIRouter(prefix=PATHS[kind]), words[kind]

    @router.get("/{case_id}")
    async def ask(case_id: str) -> HTMLResponse:  # noqa: ARG001 - any case is asked for its code
        return pages.ask_for_code(what)

    @router.post("/{case_id}")
    async def show(request: Request, case_id: str) -> HTMLResponse:
        code = await _sent_code(request)
        try:
            found = await find(opened(case_id, kind, keys, code))
        except Problem:
            found = None
        return pages.status(what, found, words) if found else pages.ask_for_code(what, wrong=True)

    return router


async def _sent_code(request: Request) -> str | None:
    """The field `kode` of a posted form. Raises a Problem when the form is no form."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            raise field_problem("kode", "Terlalu panjang.", 413)
    try:
        sent = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        raise field_problem("kode", "Kode pelacakan tidak dapat dibaca.") from None
    return sent.get("kode", [""])[0].strip() or None
