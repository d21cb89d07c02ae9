"""HTTP in: parse, authorise, handle, answer. The interface of DOMAIN section 7; other programs rely on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.intake import reservations, views
from services.intake.commands import (
    Clock,
    Command,
    ResubmitRequest,
    SetAsideRequest,
    SubmitRequest,
    WithdrawRequest,
)
from services.intake.events import Event
from services.intake.forms import Filing, ReasonForm, RequestForm, agency_of
from services.intake.state import NotSubmitted, State
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.people.persons import Personal, Text, text_row
from shared.service_standard.agencies import agencies
from shared.service_standard.standard import Standard
from shared.web.acting import actor, idempotency, identified, opened, signature
from shared.web.correlation import context_of
from shared.web.headers import OptionalIdempotencyKey, RequiredIdempotencyKey, SentTrackingCode
from shared.web.json_body import read_json
from shared.web.letters import LetterChecker
from shared.web.limits import filing_limit
from shared.web.multipart import pdf_part, read_multipart
from shared.web.problems import field_problem, not_found, problem
from shared.web.sign_in import Officer, OptionalOfficer, Role, require_role
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar

OFFICES: tuple[Role, ...] = ("front-desk", "reviewer", "head", "operator")
LETTERS = (pdf_part("letter"), pdf_part("appointment", required=False))

SettingAside = Annotated[Officer, Depends(require_role("front-desk", "reviewer"))]
LetterReader = Annotated[Officer, Depends(require_role(*OFFICES))]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes work with; made by the composition root."""

    unit: UnitOfWork[Command, State, Event]
    keys: TrackingKeys
    letters: LetterChecker
    standard: Standard
    calendars: Mapping[int, WorkingCalendar]
    extra_domains: tuple[str, ...]
    public_url: str

    def clock(self, given: Given) -> Clock:
        """The calendar of the version that the transaction has locked."""
        calendar = self.calendars[given.calendar_version]
        return Clock(
            self.standard.number, self.standard.request_limit, calendar, given.calendar_version
        )

    def status_url(self, request_id: UUID) -> str:
        """Where the PD follows its request."""
        return f"{self.public_url}/permintaan/{request_id}"


def routes(desk: Desk) -> APIRouter:
    """The API of intake."""
    router = APIRouter(prefix="/api")
    _public_routes(router, desk)
    _request_routes(router, desk)
    _letter_routes(router, desk)
    return router


def _public_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/agencies")
    async def list_agencies() -> list[dict[str, str]]:
        return [
            {"code": each.code, "name": each.name, "email_domain": each.email_domain}
            for each in agencies().values()
        ]

    @router.get("/calendar/{year}")
    async def calendar(year: int) -> dict[str, object]:
        return _calendar(desk, year)

    @router.post("/requests", status_code=201, dependencies=[Depends(filing_limit)])
    async def submit(
        request: Request, key: RequiredIdempotencyKey, officer: OptionalOfficer
    ) -> dict[str, object]:
        return await _submit(desk, request, key, officer)


def _request_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/requests/{request_id}")
    async def show(
        request_id: str, code: SentTrackingCode, officer: OptionalOfficer
    ) -> dict[str, object]:
        return await _status(
            desk, opened(request_id, "request", desk.keys, code, officer, *OFFICES)
        )

    @router.post("/requests/{request_id}/completion", dependencies=[Depends(filing_limit)])
    async def complete(
        request: Request,
        request_id: str,
        code: SentTrackingCode,
        officer: OptionalOfficer,
        key: OptionalIdempotencyKey,
    ) -> dict[str, object]:
        known = opened(request_id, "request", desk.keys, code, officer, *OFFICES)
        return await _complete(desk, request, known, officer, key)

    @router.post("/requests/{request_id}/withdrawal")
    async def withdraw(
        request: Request, request_id: str, code: SentTrackingCode, key: OptionalIdempotencyKey
    ) -> dict[str, object]:
        return await _withdraw(desk, request, opened(request_id, "request", desk.keys, code), key)

    @router.post("/requests/{request_id}/setting-aside")
    async def set_aside(
        request: Request, request_id: str, officer: SettingAside, key: OptionalIdempotencyKey
    ) -> dict[str, object]:
        return await _set_aside(desk, request, identified(request_id), officer, key)


def _letter_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/requests/{request_id}/letter")
    async def letter(request_id: str, _officer: LetterReader) -> Response:
        found = await views.find_request(desk.unit.pool, identified(request_id))
        return await _pdf(desk, found.letter_id if found else None)

    @router.get("/requests/{request_id}/appointment")
    async def appointment(request_id: str, _officer: LetterReader) -> Response:
        found = await views.find_request(desk.unit.pool, identified(request_id))
        return await _pdf(desk, found.appointment_id if found else None)


async def _submit(
    desk: Desk, request: Request, key: str, officer: Officer | None
) -> dict[str, object]:
    filing = await _read(desk, request, officer)
    form, request_id = filing.form, desk.keys.case_id("request", key)
    papers, personal = filing.papers()
    personal += signature(officer)
    if form.kind == "replace_administrator":
        await _check_account(desk, form.agency_code)

    def command(given: Given) -> SubmitRequest:
        number, year = given.taken()
        return SubmitRequest(
            request_id,
            f"DC-{year}-{number:06d}",
            form.agency_code,
            form.kind,
            papers,
            form.received_at,
            officer.officer_id if officer else None,
            desk.clock(given),
            given.at,
        )

    mark = idempotency(desk.keys, "request", key, filing.content())
    rows, pointers = personal.rows, personal.pointers
    work = Work(str(request_id), command, "requests", mark, rows, pointers)
    try:
        handled = await desk.unit.handle(work, context_of(request, actor(officer)))
    except Refused as refused:
        raise await _explained(desk, refused, form) from refused
    assert not isinstance(handled.state, NotSubmitted)  # noqa: S101 - it was just submitted
    known = handled.state.request
    assert known.first_due_on is not None  # noqa: S101 - a submission sets its deadline
    return {
        "request_id": str(request_id),
        "registration_number": known.registration_number,
        "tracking_code": desk.keys.code("request", request_id),
        "due_on": known.first_due_on.isoformat(),
        "status_url": desk.status_url(request_id),
    }


async def _read(desk: Desk, request: Request, officer: Officer | None) -> Filing:
    if officer is not None and not officer.has_role("front-desk"):
        raise problem(403)
    sent = await read_multipart(request, RequestForm, LETTERS)
    if sent.body.received_at is not None and officer is None:
        message = "Hanya petugas loket yang boleh mengisi waktu diterima."
        raise field_problem("received_at", message)
    agency = agency_of(sent.body, desk.extra_domains)
    letter = await desk.letters.check("letter", sent.files["letter"])
    appointment = sent.files.get("appointment")
    return Filing(
        sent.body,
        agency,
        letter,
        await desk.letters.check("appointment", appointment) if appointment is not None else None,
    )


async def _check_account(desk: Desk, agency_code: str) -> None:
    holder = await views.find_holder(desk.unit.pool, reservations.name("open_account", agency_code))
    if holder is None or holder[1] != "confirmed":
        raise Refused("no_account_yet")


async def _explained(desk: Desk, refused: Refused, form: RequestForm) -> Refused:
    """Who holds the agency's name: the number of the open request, or the account that exists."""
    if refused.code != "name_reserved":
        return refused
    holder = await views.find_holder(desk.unit.pool, reservations.name(form.kind, form.agency_code))
    if holder is None:
        return refused
    registration_number, status = holder
    code = "account_exists" if status == "confirmed" else "open_request_exists"
    return Refused(code, registration_number=registration_number)


async def _complete(
    desk: Desk, request: Request, request_id: UUID, officer: Officer | None, key: str | None
) -> dict[str, object]:
    known = await views.find_request(desk.unit.pool, request_id)
    if known is None:
        raise not_found()
    filing = await _read(desk, request, officer)
    for field in ("agency_code", "kind"):
        if getattr(filing.form, field) != getattr(known, field):
            raise field_problem(field, "Harus sama dengan permintaan yang dilengkapi.")
    papers, personal = filing.papers()
    personal += signature(officer)

    def command(given: Given) -> ResubmitRequest:
        registered_by = officer.officer_id if officer else None
        return ResubmitRequest(
            papers, filing.form.received_at, registered_by, desk.clock(given), given.at
        )

    mark = idempotency(desk.keys, "request", key, filing.content())
    work = Work(str(request_id), command, None, mark, personal.rows, personal.pointers)
    await desk.unit.handle(work, context_of(request, actor(officer)))
    return await _status(desk, request_id)


async def _withdraw(
    desk: Desk, request: Request, request_id: UUID, key: str | None
) -> dict[str, object]:
    form = await read_json(request, ReasonForm)
    text_id, personal = _reason(form)

    def command(given: Given) -> WithdrawRequest:
        return WithdrawRequest(text_id, given.at)

    mark = idempotency(desk.keys, "request", key, form.reason.encode())
    work = Work(str(request_id), command, None, mark, personal.rows)
    await desk.unit.handle(work, context_of(request, "public"))
    return await _status(desk, request_id)


async def _set_aside(
    desk: Desk, request: Request, request_id: UUID, officer: Officer, key: str | None
) -> dict[str, object]:
    form = await read_json(request, ReasonForm)
    text_id, personal = _reason(form)
    personal += signature(officer)

    def command(given: Given) -> SetAsideRequest:
        return SetAsideRequest(officer.officer_id, text_id, given.at)

    mark = idempotency(desk.keys, "request", key, form.reason.encode())
    work = Work(str(request_id), command, None, mark, personal.rows)
    await desk.unit.handle(work, context_of(request, actor(officer)))
    return await _status(desk, request_id)


async def _status(desk: Desk, request_id: UUID) -> dict[str, object]:
    found = await views.find_request(desk.unit.pool, request_id)
    if found is None:
        raise not_found()
    return found.answer()


def _calendar(desk: Desk, year: int) -> dict[str, object]:
    version = max(desk.calendars)
    calendar = desk.calendars[version]
    try:
        days = calendar.days_off_in(year)
    except ValueError:
        raise not_found() from None
    return {
        "year": year,
        "version": version,
        "days_off": [
            {"date": day.on.isoformat(), "name": day.name, "kind": day.kind, "decree": day.decree}
            for day in days
        ],
    }


async def _pdf(desk: Desk, letter_id: UUID | None) -> Response:
    content = await views.find_letter(desk.unit.pool, letter_id) if letter_id else None
    if content is None:
        raise not_found()
    headers = {
        "Content-Disposition": "attachment; filename=surat.pdf",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type="application/pdf", headers=headers)


def _reason(form: ReasonForm) -> tuple[UUID, Personal]:
    text_id = uuid4()
    return text_id, text_row(Text(text_id=text_id, body=form.reason), None)
