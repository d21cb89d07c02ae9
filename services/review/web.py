"""HTTP in: parse, authorise, handle, answer. The interface of DOMAIN section 7."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from services.review import views
from services.review.commands import Command, DecideCase, Outcome
from services.review.events import Event
from services.review.state import State
from shared.contracts.topics import REVIEW_TEXTS
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.unit_of_work import Idempotency, UnitOfWork, Work
from shared.people.persons import Personal, Text, text_row
from shared.web.acting import actor, identified, signature
from shared.web.correlation import context_of
from shared.web.fields import ReasonText
from shared.web.headers import OptionalIdempotencyKey
from shared.web.json_body import RequestBody, read_json
from shared.web.problems import SHARED_REFUSALS, Refusal, field_problem, not_found
from shared.web.sign_in import Officer, require_role
from shared.working_time.explanation import instant_in_words

REFUSALS: Mapping[str, Refusal] = {
    "unknown_request": Refusal(404, "Tidak ditemukan", "Permintaan ini tidak ada."),
    "case_dropped": Refusal(409, "Sudah berakhir", "Permintaan ini telah ditarik atau dikesampingkan."),
    "decided_meanwhile": Refusal(
        409,
        "Sudah diputuskan",
        "Permintaan ini sudah {decision} pada {decided}.",
        field="seen_version",
    ),
    "stale_version": replace(SHARED_REFUSALS["stale_version"], field="seen_version"),
    "registered_by_yourself": Refusal(
        403, "Tidak berwenang", "Yang mendaftarkan surat atau kelengkapannya tidak boleh memutuskannya."
    ),
}  # fmt: skip
DECISIONS: Mapping[str, str] = {
    "approved": "disetujui",
    "returned": "dikembalikan",
    "rejected": "ditolak",
}

Reviewer = Annotated[Officer, Depends(require_role("reviewer"))]
QueueReader = Annotated[Officer, Depends(require_role("reviewer", "head"))]
QueueState = Literal["open", "approved", "returned", "rejected", "dropped"]


class DecisionForm(RequestBody):
    """A reviewer's decision on the version of the case that was seen. An approval may come with a remark."""

    outcome: Outcome
    reason: ReasonText | None = None
    seen_version: Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the routes work with; made by the composition root."""

    unit: UnitOfWork[Command, State, Event]


def routes(bench: Bench) -> APIRouter:
    """The API of review."""
    router = APIRouter(prefix="/api/reviews")

    @router.get("")
    async def queue(_officer: QueueReader, state: str = "open") -> list[dict[str, object]]:
        found = await views.find_cases(bench.unit.pool, _queue_state(state))
        return [_line(case) for case in found]

    @router.post("/{request_id}/decision")
    async def decide(
        request: Request, request_id: str, officer: Reviewer, key: OptionalIdempotencyKey
    ) -> dict[str, object]:
        return await _decide(bench, request, identified(request_id), officer, key)

    return router


async def _decide(
    bench: Bench, request: Request, request_id: UUID, officer: Officer, key: str | None
) -> dict[str, object]:
    form = await read_json(request, DecisionForm)
    if form.outcome != "approved" and form.reason is None:
        raise field_problem("reason", "Alasan wajib diisi.")
    case = await views.find_case(bench.unit.pool, request_id)
    if case is None:
        raise not_found()
    text_id = uuid4() if form.reason else None
    personal = signature(officer)
    if form.reason and text_id:
        personal += text_row(
            Text(text_id=text_id, person_id=case.contact_id, body=form.reason), REVIEW_TEXTS.name
        )

    def command(given: Given) -> DecideCase:
        return DecideCase(form.outcome, text_id, officer.officer_id, form.seen_version, given.at)

    work = _work(request_id, command, form, officer, key, personal)
    try:
        await bench.unit.handle(work, context_of(request, actor(officer)))
    except Refused as refused:
        raise in_words(refused) from refused
    return {"request_id": str(request_id), "outcome": form.outcome}


def in_words(refused: Refused) -> Refused:
    """A decision that came first, told as people speak: what it was and when, in local time."""
    if refused.code != "decided_meanwhile":
        return refused
    said = refused.details
    decided = instant_in_words(datetime.fromisoformat(said["decided_at"]))
    return Refused(refused.code, **said, decision=DECISIONS[said["outcome"]], decided=decided)


def _work(  # noqa: PLR0913, PLR0917 - the parts of one unit of work
    request_id: UUID,
    command: Callable[[Given], DecideCase],
    form: DecisionForm,
    officer: Officer,
    key: str | None,
    personal: Personal,
) -> Work[Command]:
    idempotency = None
    if key is not None:
        secret = f"{officer.officer_id} {key}".encode()  # the client's key itself is never stored
        idempotency = Idempotency(
            _mark(secret, b"key"), _mark(secret, form.model_dump_json().encode())
        )
    return Work(str(request_id), command, None, idempotency, personal.rows, personal.pointers)


def _mark(secret: bytes, content: bytes) -> str:
    return hmac.digest(secret, content, "sha256").hex()


def _line(case: views.CaseView) -> dict[str, object]:
    return {
        "request_id": str(case.request_id),
        "registration_number": case.registration_number,
        "agency_code": case.agency_code,
        "kind": case.kind,
        "due_on": case.due_on.isoformat() if case.due_on else None,
        "version": case.version,
    }


def _queue_state(state: str) -> QueueState:
    for known in get_args(QueueState):
        if state == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    raise field_problem("state", "Keadaan ini tidak dikenal.")
