"""Idempotency-Key and Tracking-Code: one readable value, or a refusal that names the header."""

import pytest
from fastapi import APIRouter

from shared.web.headers import OptionalIdempotencyKey, RequiredIdempotencyKey, SentTrackingCode
from tests.support.web import application, client_of, fields_of


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/required")
    async def required(key: RequiredIdempotencyKey) -> str:
        return key

    @router.post("/optional")
    async def optional(key: OptionalIdempotencyKey, code: SentTrackingCode) -> list[str | None]:
        return [key, code]

    return router


APP = application(routes())


async def test_a_key_is_read() -> None:
    async with client_of(APP) as client:
        answer = await client.post("/required", headers={"Idempotency-Key": " a b-1 "})
        without = await client.post("/optional")
    assert answer.json() == "a b-1"
    assert without.json() == [None, None]


@pytest.mark.parametrize("sent", [[], [""], ["  "], ["x" * 201], ["a\tb"], ["\xe9"], ["a", "a"]])
async def test_a_required_key_that_is_none_is_refused(sent: list[str]) -> None:
    headers = [(b"Idempotency-Key", value.encode("latin-1")) for value in sent]
    async with client_of(APP) as client:
        answer = await client.post("/required", headers=headers)
    assert answer.status_code == 422
    assert fields_of(answer) == ["Idempotency-Key"]


@pytest.mark.parametrize(("sent", "read"), [(" k1-ABC ", "k1-ABC"), ("", None), ("x" * 101, None)])
async def test_a_tracking_code_is_passed_on_as_sent(sent: str, read: str | None) -> None:
    async with client_of(APP) as client:
        answer = await client.post("/optional", headers={"Tracking-Code": sent})
    assert answer.json() == [None, read]
