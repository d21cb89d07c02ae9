"""HTTP in: parse, authorise, handle, answer. The interface of DOMAIN section 7."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request

from services.complaints import forms, views
from services.complaints.commands import Clock, Command, FileComplaint
from services.complaints.events import Event
from services.complaints.forms import ComplaintForm
from services.complaints.state import NotFiled, State
from shared.contracts.subjects import Category
from shared.event_sourcing.decider import Given
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.service_standard.standard import Standard
from shared.web.acting import actor, idempotency, opened, signature
from shared.web.correlation import context_of
from shared.web.headers import RequiredIdempotencyKey, SentTrackingCode
from shared.web.json_body import read_json
from shared.web.limits import filing_limit
from shared.web.pages import Pages, status_routes
from shared.web.problems import not_found, problem
from shared.web.sign_in import Officer, OptionalOfficer, Role
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar

OFFICES: tuple[Role, ...] = ("complaint-officer", "head")


@dataclass(frozen=True, slots=True)
class Register:
    """What the routes work with; made by the composition root."""

    unit: UnitOfWork[Command, State, Event]
    keys: TrackingKeys
    standard: Standard
    calendars: Mapping[int, WorkingCalendar]

    def clock(self, given: Given, category: Category | None) -> Clock:
        """The category's limit; not classified yet, the shortest of the standard (DOMAIN section 4 rule 6)."""
        limits, shortest = self.standard.complaint_limits, self.standard.shortest_complaint_limit
        limit = shortest if category is None else limits[category]
        version = given.calendar_version
        return Clock(self.standard.number, limit, self.calendars[version], version)


WORDS = {
    "complaint": "pengaduan",
    "filed": "terdaftar, menunggu penanganan",
    "deadline_breached": "batas waktu terlampaui",
}


def pages(register: Register) -> APIRouter:
    """The page where a complainant follows the complaint."""
    find = partial(views.find_complaint, register.unit.pool)
    return status_routes(Pages(), register.keys, "complaint", find, WORDS)


def routes(register: Register) -> APIRouter:
    """The API of complaints."""
    router = APIRouter(prefix="/api/complaints")

    @router.post("", status_code=201, dependencies=[Depends(filing_limit)])
    async def file(
        request: Request, key: RequiredIdempotencyKey, officer: OptionalOfficer
    ) -> dict[str, object]:
        return await _file(register, request, key, officer)

    @router.get("/{complaint_id}")
    async def show(
        complaint_id: str, code: SentTrackingCode, officer: OptionalOfficer
    ) -> dict[str, object]:
        known = opened(complaint_id, "complaint", register.keys, code, officer, *OFFICES)
        found = await views.find_complaint(register.unit.pool, known)
        if found is None:
            raise not_found()
        return found.answer()

    return router


async def _file(
    register: Register, request: Request, key: str, officer: Officer | None
) -> dict[str, object]:
    if officer is not None and not officer.has_role("complaint-officer"):
        raise problem(403)
    form = await read_json(request, ComplaintForm)
    forms.check(form, officer)
    complaint_id, text_id = register.keys.case_id("complaint", key), uuid4()
    complainant_id, personal = forms.personal(form, complaint_id, text_id)
    personal += signature(officer)

    def command(given: Given) -> FileComplaint:
        number, year = given.taken()
        return FileComplaint(
            complaint_id,
            f"PGD-{year}-{number:06d}",
            form.channel,
            form.category,
            text_id,
            complainant_id,
            form.confidential,
            form.request_number,
            form.received_at,
            officer.officer_id if officer else None,
            register.clock(given, form.category),
            given.at,
        )

    mark = idempotency(register.keys, "complaint", key, form.content())
    work = Work(str(complaint_id), command, "complaints", mark, personal.rows, personal.pointers)
    handled = await register.unit.handle(work, context_of(request, actor(officer)))
    return _filed(register, complaint_id, handled.state)


def _filed(register: Register, complaint_id: UUID, state: State) -> dict[str, object]:
    assert not isinstance(state, NotFiled)  # noqa: S101 - it was just filed
    assert state.clock is not None  # noqa: S101 - a filing sets its deadline
    return {
        "complaint_id": str(complaint_id),
        "registration_number": state.registration_number,
        "tracking_code": register.keys.code("complaint", complaint_id),
        "due_on": state.clock.due_on.isoformat(),
    }
