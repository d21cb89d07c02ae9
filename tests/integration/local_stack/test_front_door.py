"""One address for five services: it routes, bounds, hides what is not public and says when a service is away."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from deploy.local.children import free_port
from deploy.local.front_door import BODY_BYTES_MAX, FrontDoor
from shared.operations.stack import SERVICES
from tests.support.web import served


def echo(name: str) -> FastAPI:
    """A service that tells what it was asked."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def answer(request: Request) -> Response:
        body = await request.body()
        told = {
            "service": name,
            "target": request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode(),
            "headers": {key: value for key, value in request.headers.items()},  # noqa: C416 - a mapping of lists
            "length": len(body),
        }  # fmt: skip
        kept = {"X-Kept": "yes", "Connection": "x-secret", "X-Secret": "no", "Set-Cookie": "a=1"}
        return JSONResponse(told, 418 if "teapot" in request.url.path else 200, headers=kept)

    return app


@pytest.fixture
async def door() -> AsyncIterator[httpx2.AsyncClient]:
    """The front door before four services; notifier is away."""
    services = {name: f"http://127.0.0.1:{free_port()}" for name in SERVICES}
    async with (
        served(echo("intake")) as services["intake"],
        served(echo("review")) as services["review"],
        served(echo("complaints")) as services["complaints"],
        served(echo("provisioning")) as services["provisioning"],
    ):
        front = FrontDoor(services)
        async with served(front) as address, httpx2.AsyncClient(base_url=address) as client:
            yield client
        await front.close()


@pytest.mark.parametrize(("path", "service"), [
    ("/", "intake"),
    ("/layanan", "intake"),
    ("/api/requests", "intake"),
    ("/api/reviewsandmore", "intake"),
    ("/api/reviews", "review"),
    ("/api/reviews/1/decision", "review"),
    ("/api/complaints", "complaints"),
    ("/pengaduan/1", "complaints"),
    ("/api/accounts", "provisioning"),
])  # fmt: skip
async def test_each_path_reaches_its_service(
    door: httpx2.AsyncClient, path: str, service: str
) -> None:
    assert (await door.get(path)).json()["service"] == service


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/metrics", "/metrics/x"])
async def test_what_is_for_operators_is_not_for_the_outside(
    door: httpx2.AsyncClient, path: str
) -> None:
    assert (await door.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/../metrics", "/./health/ready", "/api/%2e%2e/metrics", "//metrics"]
)
async def test_no_detour_leads_to_what_is_for_operators(
    door: httpx2.AsyncClient, path: str
) -> None:
    reader, writer = await asyncio.open_connection(door.base_url.host, door.base_url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status, _, rest = (await reader.read()).decode().partition("\r\n")
    writer.close()
    assert "404" in status or '"target":"' + path in rest, "as it came, it is nobody's address"


async def test_a_service_that_is_away_is_said_to_be_away_and_when_to_ask_again(
    door: httpx2.AsyncClient,
) -> None:
    answer = await door.get("/surat/1")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await door.get("/")).status_code == 200, "the others are there"


async def test_a_request_arrives_as_it_was_sent(door: httpx2.AsyncClient) -> None:
    answer = await door.post(
        "/api/requests/a%2Fb?x=1%262&y=", content=b"z" * 100_000, headers={"Tracking-Code": "abc"}
    )
    told = answer.json()
    assert told["target"] == "/api/requests/a%2Fb?x=1%262&y="
    assert told["length"] == 100_000
    assert told["headers"]["tracking-code"] == "abc"


async def test_an_answer_comes_back_as_it_was_given(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/teapot")
    assert answer.status_code == 418
    assert (answer.headers["x-kept"], answer.headers["set-cookie"]) == ("yes", "a=1")
    assert "x-secret" not in answer.headers, "what the connection names ends with the connection"


async def test_where_a_request_came_from_cannot_be_pretended(door: httpx2.AsyncClient) -> None:
    forged = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1"}
    told = (await door.get("/", headers=forged)).json()["headers"]
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert "10.0.0.1" not in str(told)


async def test_a_body_beyond_the_bound_is_refused_also_when_it_does_not_say_how_long_it_is(
    door: httpx2.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 1_000_000 + 2):
            yield b"x" * 1_000_000

    said = await door.post("/api/requests", content=b"x" * (BODY_BYTES_MAX + 1))
    assert said.status_code == 413
    try:
        assert (await door.post("/api/requests", content=endless())).status_code == 413
    except httpx2.TransportError:  # it closed while we were still sending
        assert (await door.get("/")).status_code == 200


async def test_many_are_served_at_once(door: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(door.get("/api/reviews") for _ in range(60)))
    assert {answer.status_code for answer in answers} == {200}
