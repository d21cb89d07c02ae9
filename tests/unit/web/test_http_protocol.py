"""What comes in by the wire is HTTP/1.1 of a bounded head, or is told why not; what is HTTP still works."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from deploy.local.front_door import FrontDoor
from shared.operations.stack import SERVICES
from shared.web import http_protocol
from shared.web.http_protocol import HEAD_BYTES_MAX, HttpProtocol
from tests.support.web import application

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def service() -> FastAPI:
    router = APIRouter()

    @router.get("/api/hello")
    async def hello() -> str:
        return "halo"

    @router.post("/api/bytes")
    async def length(request: Request) -> int:
        return len(await request.body())

    @router.post("/api/unread")
    async def unread() -> Response:
        return Response(status_code=415)

    return application(router)


@contextlib.asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """As shared/operations/runtime.py and the front door do; gives the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1", port=0, http=HttpProtocol, lifespan="off", log_config=None, access_log=False, ws="none",
    )  # fmt: skip
    server = uvicorn.Server(config)
    with capture_logs():
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            await running


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a service."""
    async with listening(service()) as port:
        yield port


@contextlib.asynccontextmanager
async def wire(port: int, sent: bytes = b"") -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, httpx2.Response]:
    """The next answer of the wire."""
    line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = httpx2.Headers(
        [(name, value) for name, _, value in (each.partition(": ") for each in lines if each)]
    )
    status = int(line.split(" ")[1])
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return status, httpx2.Response(status, headers=headers, content=content)


async def refused(port: int, sent: bytes) -> int:
    """The status of the last answer, which must be a problem."""
    async with asyncio.timeout(5), wire(port, sent) as (reader, _):
        status, answer = await answer_of(reader)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["title"] in {
            "Tidak dapat dibaca",
            "Kepala permintaan terlalu besar",
            "Waktu habis",
        }
        assert answer.headers["connection"] == "close"
        assert await reader.read() == b""
        return status


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_told_so_in_indonesian(port: int, sent: bytes) -> None:
    assert await refused(port, sent) == 400


async def test_who_was_refused_and_talks_on_is_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 0.2)
    async with asyncio.timeout(5), wire(port, b"nonsense\r\n\r\n") as (reader, writer):
        assert (await answer_of(reader))[0] == 400
        with pytest.raises(ConnectionError):
            await trickling(writer)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 2 * HEAD_BYTES_MAX,
        b"GET / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: " + b"a" * 2 * HEAD_BYTES_MAX,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * HEAD_BYTES_MAX,
    ],
    ids=["line", "header", "headers"],
)
@pytest.mark.parametrize(
    "rest",
    [b"", b" HTTP/1.1\r\nHost: x\r\n\r\n", b"a" * 100_000_000],
    ids=["none", "end", "100 MB"],
)
async def test_a_head_beyond_its_bound_is_refused_without_waiting_for_its_end(
    port: int, head: bytes, rest: bytes
) -> None:
    assert await refused(port, head + rest) == 431


async def test_a_head_within_its_bound_is_read(port: int) -> None:
    long = (
        b"GET /api/hello HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (HEAD_BYTES_MAX - 100) + b"\r\n\r\n"
    )
    async with wire(port, long) as (reader, _):
        assert (await answer_of(reader))[0] == 200


async def test_a_head_that_trickles_in_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS_MAX", 0.3)
    async with (
        asyncio.timeout(5),
        wire(port, b"GET /api/hello HTTP/1.1\r\nHost: x\r\n") as (reader, writer),
    ):
        trickle = asyncio.create_task(trickling(writer))
        status, answer = await answer_of(reader)
        assert (status, answer.json()["title"]) == (408, "Waktu habis")
        assert await reader.read() == b""
        trickle.cancel()


async def test_a_connection_that_says_nothing_is_closed(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS_MAX", 0.2)
    async with asyncio.timeout(5), wire(port) as (reader, _):
        assert await reader.read() == b""


async def test_the_rest_of_a_refused_body_may_not_trickle_in_for_ever(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "REST_SECONDS_MAX", 0.3)
    head = b"POST /api/unread HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    async with asyncio.timeout(5), wire(port, head) as (reader, writer):
        assert (await answer_of(reader))[0] == 415
        trickle = asyncio.create_task(trickling(writer))
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        trickle.cancel()


async def trickling(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_slow_answer_is_not_taken_for_a_slow_question(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS_MAX", 0.1)
    head = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"
    async with asyncio.timeout(5), wire(port, head) as (reader, writer):
        await asyncio.sleep(0.4)
        writer.write(b"b")
        assert (await answer_of(reader))[0] == 200


async def test_many_requests_share_a_connection_also_when_asked_at_once(port: int) -> None:
    asked = b"GET /api/hello HTTP/1.1\r\nHost: x\r\n\r\n"
    async with asyncio.timeout(5), wire(port, asked * 20) as (reader, writer):
        for _ in range(20):
            assert (await answer_of(reader))[1].json() == "halo"
        writer.write(asked + b"nonsense\r\n\r\n")
        assert (await answer_of(reader))[0] == 200
        assert (await answer_of(reader))[0] == 400


async def test_a_body_may_come_in_chunks_and_after_being_asked_for(port: int) -> None:
    head = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with asyncio.timeout(5), wire(port, head) as (reader, writer):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        for _ in range(300):
            writer.write(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
        writer.write(b"0\r\n\r\n")
        assert (await answer_of(reader))[1].json() == 3_000_000


async def test_a_head_alone_is_answered_without_a_body(port: int) -> None:
    asked = b"HEAD /api/hello HTTP/1.1\r\nHost: x\r\n\r\n"
    async with asyncio.timeout(5), wire(port, asked * 2) as (reader, _):
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"content-length: 6" in head


async def test_who_asks_for_the_end_gets_the_answer_and_the_end(port: int) -> None:
    asked = b"GET /api/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(5), wire(port, asked) as (reader, writer):
        writer.write(b"\r\n")  # as old browsers do after a body
        assert (await answer_of(reader))[1].json() == "halo"
        assert await reader.read() == b""


@pytest.mark.parametrize(
    "target",
    [b"*", b"x", b"a.b:80", b"http://elsewhere/x", b"/#x", b"/\xc3\xa9", b"/" + b"a" * 100_000],
)
async def test_the_front_door_tells_an_odd_address_as_a_problem(target: bytes) -> None:
    door = FrontDoor(dict.fromkeys(SERVICES, "http://127.0.0.1:9"))
    async with (
        listening(door) as port,
        wire(port, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n") as (reader, _),
    ):
        status, answer = await answer_of(reader)
    await door.close()
    assert status in {400, 404, 431}
    assert answer.headers["content-type"] == "application/problem+json"
