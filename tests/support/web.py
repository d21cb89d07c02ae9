"""An application of one service as tests see it: a real one in process, with officers made by hand."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from shared.event_sourcing.outcomes import Unavailable
from shared.operations.settings import CommonSettings
from shared.web.application import Health, create_app
from shared.web.http_protocol import HttpProtocol
from shared.web.problems import Refusal
from shared.web.sign_in import NotSignedIn, Officer, officer_id

ISSUER = "http://identity.test"
_GOOD = (True, {"status": "ok"})


def settings(**changes: Any) -> CommonSettings:  # noqa: ANN401 - the fields of the settings
    """Local settings that need nothing to be there."""
    told: dict[str, Any] = {
        "database_dsn": "postgresql://nobody@127.0.0.1/none",
        "kafka_bootstrap": "127.0.0.1:9092",
        "http_port": 8000,
        "public_url": "http://127.0.0.1:8000",
        "identity_issuer": ISSUER,
        "environment": "local",
    }
    return CommonSettings(**told | changes)


class HandmadeOfficers:
    """The token is the role; `outage` stands for a provider that is away."""

    async def officer(self, token: str) -> Officer:
        if token == "outage":
            raise Unavailable
        if token == "forged":
            raise NotSignedIn("BadSignatureError")
        return Officer(officer_id(ISSUER, token), ISSUER, token, token, frozenset({token}))


def application(
    *routers: APIRouter,
    refusals: Mapping[str, Refusal] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of the settings
) -> FastAPI:
    """These routers, healthy, with handmade officers."""
    return create_app(
        settings(**changes),
        routers,
        identity=HandmadeOfficers(),
        health=Health(live=lambda: _GOOD, ready=lambda: _GOOD),
        refusals=refusals,
    )


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Over HTTP as a service is, on a free port of the loopback address; gives its address."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        http=HttpProtocol,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def client_of(
    app: FastAPI, peer: tuple[str, int] = ("127.0.0.1", 40000)
) -> AsyncIterator[httpx2.AsyncClient]:
    """Talks to the application without a network; what it raises past its last resort fails the test."""
    transport = httpx2.ASGITransport(app, client=peer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        with capture_logs():  # unconfigured, structlog draws each traceback for seconds
            yield client


def fields_of(answer: httpx2.Response) -> Sequence[str]:
    """The fields a problem names, after checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    assert all(error["message"] for error in document["errors"])
    return [error["field"] for error in document["errors"]]
