"""What every service's HTTP application does around its routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Request
from prometheus_client import REGISTRY
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from shared.web import body_limits
from shared.web.application import Health, create_app
from shared.web.correlation import context_of
from shared.web.envelope import SECURITY_HEADERS
from shared.web.limits import filing_limit
from shared.web.sign_in import Officer, OptionalOfficer, SignedInOfficer, require_role
from tests.support.web import HandmadeOfficers, application, client_of, fields_of, settings

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def routes() -> APIRouter:
    router = APIRouter()

    @router.get("/api/context/{case_id}")
    async def context(request: Request, case_id: int) -> dict[str, str | None]:
        said = context_of(request, f"public/{case_id}")
        return {"correlation_id": str(said.correlation_id), "traceparent": said.traceparent}

    @router.get("/page")
    async def page() -> Response:
        return Response("<p>", headers={"Content-Security-Policy": "default-src 'self'"})

    @router.post("/api/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @router.post("/api/file", dependencies=[Depends(filing_limit)])
    async def file() -> str:
        return "filed"

    @router.get("/api/me")
    async def me(officer: SignedInOfficer) -> str:
        return officer.name

    @router.get("/api/anybody")
    async def anybody(officer: OptionalOfficer) -> str | None:
        return officer.name if officer else None

    @router.get("/api/review")
    async def review(
        officer: Annotated[Officer, Depends(require_role("reviewer", "head"))],
    ) -> str:
        return str(officer.officer_id)

    @router.get("/api/half")
    async def half() -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError

        return StreamingResponse(chunks())

    return router


APP = application(routes())


async def test_a_correlation_id_is_taken_over_if_it_is_one() -> None:
    sent = str(uuid4())
    async with client_of(APP) as client:
        headers = {"X-Correlation-ID": sent, "traceparent": TRACEPARENT}
        answer = await client.get("/api/context/1", headers=headers)
    assert answer.json() == {"correlation_id": sent, "traceparent": TRACEPARENT}
    assert answer.headers["x-correlation-id"] == sent


@pytest.mark.parametrize("sent", ["", "1", "x" * 5000, "{12345678-1234-1234-1234-123456789012}"])
async def test_anything_else_is_replaced_by_one(sent: str) -> None:
    async with client_of(APP) as client:
        headers = {"X-Correlation-ID": sent, "traceparent": sent}
        answer = await client.get("/api/context/1", headers=headers)
    assert UUID(answer.headers["x-correlation-id"]).version == 4
    assert answer.json()["traceparent"].startswith("00-")


async def test_every_answer_has_the_security_headers() -> None:
    async with client_of(APP) as client:
        answers = [
            await client.get(path) for path in ("/page", "/api/context/1", "/nowhere", "/metrics")
        ]
    for answer in answers:
        assert {name for name, _ in SECURITY_HEADERS} <= set(answer.headers)
        assert len(answer.headers.get_list("content-security-policy")) == 1
        assert "strict-transport-security" not in answer.headers
    assert answers[0].headers["content-security-policy"] == "default-src 'self'"


async def test_behind_https_browsers_are_told_to_stay_there() -> None:
    async with client_of(application(public_url="https://datacloud.test")) as client:
        assert "strict-transport-security" in (await client.get("/health/live")).headers


async def test_a_request_is_one_line_with_the_route_and_no_address() -> None:
    async with client_of(APP) as client:
        with capture_logs() as lines:
            await client.get("/api/context/123456?name=Budi")
            await client.get("/health/live")
    assert [line["event"] for line in lines] == ["request_answered"]
    assert lines[0]["route"] == "/api/context/{case_id}"
    assert "123456" not in str(lines)
    assert "Budi" not in str(lines)


async def test_requests_are_counted_by_route_and_never_by_address() -> None:
    labels = {"method": "GET", "route": "/api/context/{case_id}", "status": "200"}
    before = REGISTRY.get_sample_value("datacloud_http_requests_total", labels) or 0
    async with client_of(APP) as client:
        for case in range(5):
            await client.get(f"/api/context/{case}")
            await client.get(f"/nowhere/{case}")
            await client.request(f"BREW{case}", "/api/context/1")
        exposed = (await client.get("/metrics")).text
    assert REGISTRY.get_sample_value("datacloud_http_requests_total", labels) == before + 5
    assert "/nowhere" not in exposed
    assert "BREW" not in exposed
    assert 'route="unmatched"' in exposed
    assert "datacloud_http_request_seconds_bucket" in exposed
    assert "process_resident_memory_bytes" in exposed


async def test_health_tells_what_it_sees() -> None:
    async def ready() -> tuple[bool, dict[str, str]]:
        return False, {"database": "away"}

    health = Health(live=lambda: (True, {"status": "ok"}), ready=ready)
    app = create_app(settings(), [], identity=HandmadeOfficers(), health=health)
    async with client_of(app) as client:
        live, ready_answer = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready_answer.status_code, ready_answer.json()) == (503, {"database": "away"})


async def test_whoever_may_get_a_page_may_ask_for_its_head() -> None:
    async with client_of(APP) as client:
        head, missing = await client.head("/page"), await client.head("/nowhere")
        refused = await client.head("/api/body")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "3")
    assert (missing.status_code, missing.content, refused.status_code) == (404, b"", 405)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_there_are_no_documentation_pages(path: str) -> None:
    async with client_of(APP) as client:
        assert (await client.get(path)).status_code == 404


async def test_a_failure_in_half_an_answer_breaks_it_off() -> None:
    async with client_of(APP) as client:
        with pytest.raises(RuntimeError), capture_logs() as lines:
            await client.get("/api/half")
    assert "request_failed" in [line["event"] for line in lines]


# -- who it is


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/api/me", None, 401),
        ("/api/me", "Bearer reviewer", 200),
        ("/api/me", "bearer  reviewer ", 200),
        ("/api/me", "Bearer forged", 401),
        ("/api/me", "Bearer", 401),
        ("/api/me", "Basic cmV2aWV3ZXI6eA==", 401),
        ("/api/me", "Bearer " + "x" * 9000, 401),
        ("/api/me", "Bearer outage", 503),
        ("/api/anybody", None, 200),
        ("/api/anybody", "Bearer reviewer", 200),
        ("/api/anybody", "Bearer forged", 401),
        ("/api/anybody", "Bearer outage", 503),
        ("/api/review", None, 401),
        ("/api/review", "Bearer reviewer", 200),
        ("/api/review", "Bearer head", 200),
        ("/api/review", "Bearer front-desk", 403),
    ],
)
async def test_a_route_asks_who_it_is(path: str, authorization: str | None, status: int) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with client_of(APP) as client:
        answer = await client.get(path, headers=headers)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status in {401, 403})
    if status != 200:
        assert fields_of(answer) == []


@pytest.mark.parametrize(
    "token", ["é", "a\tb", "a b", "a\x7f", "a\xa0", "reviewer\x85", "x" * 8193, "\tx", ""]
)
async def test_nobody_is_asked_about_a_token_that_cannot_be_one(token: str) -> None:
    headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
    async with client_of(APP) as client:  # whose officers would all be known by such a token
        answer = await client.get("/api/anybody", headers=headers)
    assert (answer.status_code, fields_of(answer)) == (401, [])


async def test_two_sets_of_credentials_are_none() -> None:
    async with client_of(APP) as client:
        headers = [("Authorization", "Bearer reviewer"), ("Authorization", "Bearer head")]
        assert (await client.get("/api/me", headers=headers)).status_code == 401


# -- how much


async def test_one_source_files_so_much_and_officers_more() -> None:
    async with client_of(application(routes(), filings_per_minute=2)) as client:
        answers = [await client.post("/api/file") for _ in range(3)]
        elsewhere = await client.post("/api/file", headers={"X-Forwarded-For": "192.0.2.7"})
        officer = await client.post("/api/file", headers={"Authorization": "Bearer front-desk"})
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert fields_of(answers[2]) == []
    assert int(answers[2].headers["retry-after"]) == 30
    assert (elsewhere.status_code, officer.status_code) == (200, 200)


async def test_a_body_over_the_bound_of_the_service_is_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limits, "BODY_BYTES_MAX", 1000)
    async with client_of(APP) as client:
        assert (await client.post("/api/body", content=b"x" * 1000)).json() == 1000
        answer = await client.post("/api/body", content=b"x" * 1001)
    assert (answer.status_code, fields_of(answer)) == (413, [])


async def test_more_than_the_memory_for_all_requests_is_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_limits, "HELD_BYTES_MAX", 1500)
    app = application(routes())

    async def slow(release: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"x" * 1000
        await release.wait()

    async with client_of(app) as client:
        release = asyncio.Event()
        first = asyncio.create_task(client.post("/api/body", content=slow(release)))
        await asyncio.sleep(0.05)
        refused = await client.post("/api/body", content=b"x" * 1000)
        release.set()
        assert (await first).json() == 1000
        assert (await client.post("/api/body", content=b"x" * 1000)).json() == 1000
    assert refused.status_code == 503
    assert "retry-after" in refused.headers


async def test_a_body_that_trickles_in_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limits, "CHUNK_SECONDS_MAX", 0.05)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    async with client_of(APP) as client:
        answer = await client.post("/api/body", content=stalled())
    assert (answer.status_code, fields_of(answer)) == (408, [])


async def test_a_database_that_is_away_is_503_wherever_it_shows() -> None:
    router = APIRouter()

    @router.get("/")
    async def fail() -> None:
        raise asyncpg.ConnectionDoesNotExistError

    async with client_of(application(router)) as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert "x-correlation-id" in answer.headers
