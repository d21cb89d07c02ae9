"""Whatever is refused or fails is told as problem details, in Indonesian, with a code that stays."""

from typing import get_args

import asyncpg
import pytest
from fastapi import APIRouter
from pydantic_core import ErrorDetails, core_schema
from structlog.testing import capture_logs

from shared.event_sourcing.outcomes import KeyReused, Refused, Unavailable
from shared.web.field_messages import _BY_PREFIX, _EXACT, _FALLBACK, field_errors, message_of
from shared.web.problems import Refusal, field_problem, not_found
from tests.support.web import application, client_of, fields_of

OPEN_ALREADY = Refusal(409, "Sudah ada", "Masih berjalan: {registration_number}.")


def failing(error: Exception) -> APIRouter:
    router = APIRouter()

    @router.get("/api/cases/{case_id}")
    async def fail(case_id: int, page: int = 1) -> int:
        if case_id:
            raise error
        return page

    return router


async def test_a_refusal_is_told_in_the_words_of_its_service() -> None:
    router = failing(Refused("open_already", registration_number="DC-2026-000123"))
    app = application(router, refusals={"open_already": OPEN_ALREADY})
    async with client_of(app) as client:
        answer = await client.get("/api/cases/1")
    assert answer.status_code == 409
    assert fields_of(answer) == []
    document = answer.json()
    assert document["code"] == "open_already"
    assert document["detail"] == "Masih berjalan: DC-2026-000123."
    assert document["registration_number"] == "DC-2026-000123"
    assert document["correlation_id"] == answer.headers["x-correlation-id"]
    assert answer.headers["content-language"] == "id"


async def test_a_refusal_of_a_field_names_it() -> None:
    async with client_of(application(failing(Refused("reason_missing")))) as client:
        answer = await client.get("/api/cases/1")
    assert (answer.status_code, fields_of(answer)) == (422, ["reason"])


async def test_a_refusal_without_words_is_409_and_an_error_in_the_log() -> None:
    async with client_of(application(failing(Refused("never_heard_of")))) as client:
        with capture_logs() as lines:
            answer = await client.get("/api/cases/1")
    assert (answer.status_code, answer.json()["code"]) == (409, "never_heard_of")
    assert "refusal_without_words" in [line["event"] for line in lines]


async def test_details_of_a_refusal_never_replace_the_members_of_the_document() -> None:
    router = failing(Refused("not_found", status="200", title="Hello"))
    async with client_of(application(router)) as client:
        document = (await client.get("/api/cases/1")).json()
    assert (document["status"], document["title"]) == (404, "Tidak ditemukan")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (KeyReused(), 409, "key_reused"),
        (Unavailable(), 503, "unavailable"),
        (asyncpg.CannotConnectNowError("the database system is starting up"), 503, "unavailable"),
        (TimeoutError(), 503, "unavailable"),
        (not_found(), 404, "not_found"),
        (field_problem("letter", "Berkas kosong."), 422, "invalid_input"),
        (RuntimeError("Budi Santoso"), 500, "internal_error"),
    ],
)
async def test_each_outcome_has_its_status(error: Exception, status: int, code: str) -> None:
    async with client_of(application(failing(error))) as client:
        answer = await client.get("/api/cases/1")
    fields_of(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_failure_tells_nothing_of_its_inside() -> None:
    async with client_of(application(failing(RuntimeError("select * from persons")))) as client:
        with capture_logs() as lines:
            answer = await client.get("/api/cases/1")
    assert "select" not in answer.text
    failure = next(line for line in lines if line["event"] == "request_failed")
    assert failure["route"] == "/api/cases/{case_id}"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/unknown", 404),
        ("GET", "/api/cases/1/", 404),
        ("POST", "/api/cases/1", 405),
        ("GET", "/api/cases/not-a-number", 404),
        ("GET", "/api/cases/0?page=x", 422),
    ],
)
async def test_addresses_that_lead_nowhere_are_problems_too(
    method: str, address: str, status: int
) -> None:
    async with client_of(application(failing(Unavailable()))) as client:
        answer = await client.request(method, address)
    assert answer.status_code == status
    assert fields_of(answer) == (["page"] if status == 422 else [])


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_message_of_pydantic_reaches_a_person(kind: str) -> None:
    english = ErrorDetails(type=kind, loc=("field",), msg="Input should be valid", input=None)
    message = message_of(english)
    assert "Input" not in message
    assert message.endswith(".")


def test_every_translated_type_exists() -> None:
    kinds = get_args(core_schema.ErrorType)
    assert set(_EXACT) <= set(kinds)
    assert all(any(kind.startswith(prefix) for kind in kinds) for prefix, _ in _BY_PREFIX)
    assert _FALLBACK


def test_at_most_fifty_mistakes_are_told() -> None:
    mistake = ErrorDetails(type="missing", loc=("x",), msg="", input=None)
    assert len(field_errors([mistake] * 1000)) == 50
