"""One address for all services, as a province's reverse proxy would be: routes, bounds, and says when one is away.

A request is sent on once or not at all: what a service may have seen is never repeated.
"""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.operations.stack import SERVICES
from shared.web.http_protocol import HttpProtocol
from shared.web.problems import Problem, not_found, problem, problem_response, unavailable

ROUTES = {
    "/api/reviews": "review",
    "/kajian": "review",
    "/api/complaints": "complaints",
    "/pengaduan": "complaints",
    "/surat": "notifier",
    "/api/accounts": "provisioning",
}
ELSEWHERE = "intake"
HIDDEN = ("/health", "/metrics")
BODY_BYTES_MAX = 25 * 1024 * 1024
RETRY_AFTER_SECONDS = 2
SECONDS_MAX = 60.0
HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}

Headers = list[tuple[bytes, bytes]]


def service_of(path: str) -> str | None:
    """The service a path belongs to, by whole segments; None for what is not for the outside."""
    if any(_below(path, hidden) for hidden in HIDDEN):
        return None
    return next((name for prefix, name in ROUTES.items() if _below(path, prefix)), ELSEWHERE)


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


class FrontDoor:
    """An ASGI application that hands requests on."""

    def __init__(self, services: Mapping[str, str]) -> None:
        self._services = services
        self._client = httpx2.AsyncClient(
            timeout=SECONDS_MAX,
            follow_redirects=False,
            trust_env=False,
            # a connection of before a restart would break under the request that reuses it
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=0),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Problem as found:
            response = problem_response(found)
        except httpx2.InvalidURL:
            response = problem_response(not_found())
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        name = service_of(request.url.path)
        if name is None:
            raise not_found()
        target = httpx2.URL(self._services[name]).copy_with(raw_path=_raw_path(request.scope))
        if service_of(target.path) != name:  # httpx2 takes dot segments away: /api/../metrics
            raise not_found()
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > BODY_BYTES_MAX:
            raise problem(413)
        has_body = length or "transfer-encoding" in request.headers
        body = _body(request) if has_body else None
        sent = self._client.build_request(
            request.method, target, headers=_onward(request), content=body
        )
        try:
            answer = await self._client.send(sent, stream=True)
        except (httpx2.TransportError, OSError):
            raise unavailable(RETRY_AFTER_SECONDS) from None
        response = StreamingResponse(_rest(answer), answer.status_code)
        response.raw_headers = _without(answer.headers.raw, HOP_BY_HOP)
        return response

    async def close(self) -> None:
        """No connection is left open."""
        await self._client.aclose()


def _raw_path(scope: Scope) -> bytes:
    """As it came: what was percent-encoded stays so."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return raw.split(b"?", 1)[0] + (b"?" + query if query else b"")


def _onward(request: Request) -> Headers:
    kept = _without(request.scope["headers"], HOP_BY_HOP | FORWARDED)
    client, host = request.client, request.headers.get("host", "")
    return [
        *kept,
        (b"x-forwarded-for", (client.host if client else "").encode()),
        (b"x-forwarded-host", host.encode()),
        (b"x-forwarded-proto", b"http"),
    ]


def _without(headers: Headers, dropped: set[str]) -> Headers:
    """Also without what the Connection header names (RFC 9110, 7.6.1)."""
    named = {
        part.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for part in value.decode("latin-1").split(",")
    }
    return [
        (name, value)
        for name, value in headers
        if name.decode("latin-1").lower() not in dropped | named
    ]


async def _body(request: Request) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > BODY_BYTES_MAX:
            raise problem(413)
        yield chunk


async def _rest(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:  # noqa: ANN401 - uvicorn's; ours are set in `serve`
        yield


async def serve(port: int, services: Mapping[str, str]) -> None:
    """Until SIGTERM; requests in flight are answered first."""
    door = FrontDoor(services)
    server = _Server(
        uvicorn.Config(
            door, host="127.0.0.1", port=port, http=HttpProtocol, lifespan="off", log_level="warning", access_log=False,
            proxy_headers=False, server_header=False, date_header=False, ws="none", timeout_graceful_shutdown=5,
        )
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: setattr(server, "should_exit", True)
        )
    await server.serve()
    await door.close()


def main() -> None:
    """`python -m deploy.local.front_door --port 8080 --intake http://127.0.0.1:8001 …`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for name in SERVICES:
        parser.add_argument(f"--{name}", required=True)
    arguments = vars(parser.parse_args())
    asyncio.run(serve(arguments["port"], {name: arguments[name] for name in SERVICES}))


if __name__ == "__main__":
    main()
