"""Three services in process, each on a database that nobody else writes to: what is stored can be compared wholly."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import orjson

from services.complaints import app as complaints
from services.complaints import forms as complaint_forms
from services.complaints import web as complaint_web
from services.intake import app as intake
from services.intake import forms as request_forms
from services.intake.commands import NoteReview
from services.intake.web import api as request_web
from services.review import app as review
from services.review import web as review_web
from services.review.commands import Command, OpenCase, Subject
from shared.event_sourcing.database import Pool, open_pool
from shared.event_sourcing.unit_of_work import Context, UnitOfWork, Work
from shared.service_standard.agencies import agencies
from shared.service_standard.standard import load_standard
from shared.web.letters import LetterChecker
from shared.web.sign_in import officer_id
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar
from tests.support.pdf import plain_pdf
from tests.support.system import request_form
from tests.support.web import ISSUER, application, client_of

Form = dict[str, Any]
KEYS = TrackingKeys({1: b"0123456789abcdef"})
CASE_ID = UUID("0192f3a0-0000-7000-8000-00000000000a")
OWN_CASE_ID = UUID("0192f3a0-0000-7000-8000-00000000000b")
BY_TEST = Context("test", CASE_ID)
LETTER = plain_pdf()
AGENCIES = [{"code": each.code, "email_domain": each.email_domain} for each in agencies().values()]
COMPLAINT: Form = {
    "channel": "contact_page",
    "narrative": "Akun belum aktif.\n\nSudah seminggu.",
    "anonymous": False,
    "confidential": False,
    "complainant": {
        "name": "Siti Aminah",
        "email": "siti@example.com",
        "phone": "0561 817362",
        "address": "Jalan Sutan Syahrir 1",
    },
    "request_number": "DC-2026-000001",
    "channel_reference": "tidak ada",
}
_DIGEST = "select count(*), md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from "
DECISION: Form = {"outcome": "returned", "reason": "Surat belum ditandatangani.", "seen_version": 1}


@dataclass(frozen=True, slots=True)
class Office:
    """One service."""

    client: httpx2.AsyncClient
    pool: Pool

    async def stored(self) -> Mapping[str, tuple[int, str]]:
        """Of every table the number of rows and a digest of them all."""
        tables = await self.pool.fetch(
            "select format('%I.%I', table_schema, table_name) as name from information_schema.tables"
            " where table_schema not in ('pg_catalog', 'information_schema') order by 1"
        )
        found = {}
        for table in tables:
            (row,) = await self.pool.fetch(_DIGEST + table["name"] + " t")
            found[table["name"]] = (row[0], row[1])
        assert "events" in str(found)
        return found

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """A JSON body; with a letter where the path takes one."""
        if not takes_letter(path):
            json = {"Content-Type": "application/json"}
            return await self.client.post(path, content=body, headers={**json, **headers})
        files = {
            "request": ("request.json", body, "application/json"),
            "letter": ("surat.pdf", LETTER, "application/pdf"),
        }
        return await self.client.post(path, files=files, headers=headers)


def takes_letter(path: str) -> bool:
    return path == "/api/requests" or path.endswith("/completion")


def officer(role: str) -> dict[str, str]:
    """His credentials."""
    return {"Authorization": f"Bearer {role}"}


@asynccontextmanager
async def open_intake(dsn: str) -> AsyncIterator[Office]:
    """The front desk. Agency 0 has an open request, agency 1 one that was returned."""
    async with LetterChecker() as letters:
        pool = await open_pool(dsn, size=2)
        unit = UnitOfWork(pool, intake.DEFINITION)
        calendars = {1: WorkingCalendar.bundled()}
        desk = request_web.Desk(
            unit, KEYS, letters, load_standard(), calendars, (), "http://service.test"
        )
        app = application(request_web.routes(desk), refusals=request_forms.REFUSALS)
        async with client_of(app) as client:
            office = Office(client, pool)
            if not await pool.fetchval("select true from events limit 1"):
                await submitted(office, 0)
                await submitted(office, 1)
                returned = NoteReview(1, "returned", None, datetime.now(UTC))
                await unit.handle(Work(str(request_id(1)), lambda _: returned), BY_TEST)
            yield office
        await pool.close()


def request_id(number: int) -> UUID:
    """Of the request of an agency; its key is the number."""
    return KEYS.case_id("request", f"seed-{number}")


def opening(number: int) -> dict[str, str]:
    """The header that opens that request."""
    return {"Tracking-Code": KEYS.code("request", request_id(number))}


async def submitted(office: Office, number: int) -> None:
    body = orjson.dumps(request_form(AGENCIES[number]))
    answer = await office.post("/api/requests", body, {"Idempotency-Key": f"seed-{number}"})
    assert answer.status_code == 201, answer.text


@asynccontextmanager
async def open_review(dsn: str) -> AsyncIterator[Office]:
    """The bench, with one case to decide and one whose letter the reviewer registered."""
    pool = await open_pool(dsn, size=2)
    unit = UnitOfWork(pool, review.DEFINITION)
    if not await pool.fetchval("select true from events limit 1"):
        await unit.handle(_opened(CASE_ID, None), BY_TEST)
        await unit.handle(_opened(OWN_CASE_ID, officer_id(ISSUER, "reviewer")), BY_TEST)
    app = application(review_web.routes(review_web.Bench(unit)), refusals=review_web.REFUSALS)
    async with client_of(app) as client:
        yield Office(client, pool)
    await pool.close()


def _opened(case_id: UUID, registrar: UUID | None) -> Work[Command]:
    subject = Subject(case_id, "DC-2026-000001", "DISHUB", "open_account", case_id, case_id)
    command = OpenCase(subject, 1, datetime.now(UTC), case_id, None, registrar)
    return Work(str(case_id), lambda _: command)


@asynccontextmanager
async def open_complaints(dsn: str) -> AsyncIterator[Office]:
    """The register of complaints."""
    pool = await open_pool(dsn, size=2)
    unit = UnitOfWork(pool, complaints.DEFINITION)
    register = complaint_web.Register(unit, KEYS, load_standard(), {1: WorkingCalendar.bundled()})
    app = application(complaint_web.routes(register), refusals=complaint_forms.REFUSALS)
    async with client_of(app) as client:
        yield Office(client, pool)
    await pool.close()


OPENERS = {"intake": open_intake, "review": open_review, "complaints": open_complaints}
_ENGLISH = re.compile(
    r"\b(the|is|are|must|should|input|field|string|valid|required|missing|not|error)\b",
    re.IGNORECASE,
)


def told(answer: httpx2.Response, status: int, field: str | None = None) -> None:
    """It is a problem in Indonesian that names the field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "id"
    document = answer.json()
    errors = document["errors"]
    words = [document["title"], document["detail"], *(each["message"] for each in errors)]
    assert all(words)
    assert not [text for text in words if _ENGLISH.search(text)]
    if field is not None:
        assert field in [each["field"] for each in errors], answer.text


def changed(form: Form, path: str, value: object) -> Form:
    """The form with one field set, or taken out by `...`."""
    head, _, tail = path.partition(".")
    if tail:
        return form | {head: changed(form[head], tail, value)}
    rest = {name: kept for name, kept in form.items() if name != head}
    return rest if value is ... else form | {head: value}


def encoded(form: Form, twice: str = "", path: str = "") -> bytes:
    """JSON as hostile software writes it: lone surrogates as escapes, NaN, and the member `twice` two times."""
    members = []
    for name, value in form.items():
        here = path + name
        said = (
            encoded(value, twice, f"{here}.")
            if isinstance(value, dict)
            else json.dumps(value).encode()
        )
        members += [json.dumps(name).encode() + b":" + said] * (2 if here == twice else 1)
    return b"{" + b",".join(members) + b"}"
