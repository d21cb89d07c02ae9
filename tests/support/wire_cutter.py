"""A small HTTP proxy between an adapter and a real server, which breaks calls on demand.

Every connection carries one exchange. The next call that fits a planned fault gets it, once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What happens to one call; *after* means that the server has acted."""

    CUT_BEFORE = "the connection breaks before the server hears of it"
    CUT_AFTER = "the server acts and its answer is lost"
    SILENT_AFTER = "the server acts and never answers"
    HALF_ANSWER = "the server acts and half of its answer arrives"
    TOO_MANY = "429 with Retry-After"
    BROKEN = "500 before the server hears of it"
    AWAY = "503 with an HTML page of a proxy"


def canned(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer of ours; `status` is like `404 Not Found`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


CANNED = {
    Fault.TOO_MANY: canned("429 Too Many Requests", b"", "Retry-After: 7"),
    Fault.BROKEN: canned("500 Internal Server Error"),
    Fault.AWAY: canned("503 Service Unavailable", b"<html></html>", "Content-Type: text/html"),
}

Hook = Callable[[], Awaitable[None]]


@dataclass
class WireCutter:
    """Forwards to `upstream_port`; `calls` counts every call that came in."""

    upstream_port: int
    port: int = 0
    calls: list[str] = field(default_factory=list)
    hold_seconds: float = 30.0
    last_request: bytes = b""
    _faults: dict[int, Fault | bytes] = field(default_factory=dict)
    _hooks: dict[str, Hook] = field(default_factory=dict)

    def break_call(self, number: int, fault: Fault | bytes) -> None:
        """The `number`-th call from now on (0 = the next) gets the fault, or this answer."""
        self._faults[len(self.calls) + number] = fault

    def answer_with(self, *answers: bytes) -> None:
        """The next calls get these answers and go no further."""
        for number, answer in enumerate(answers):
            self.break_call(number, answer)

    def before(self, call: str, hook: Hook) -> None:
        """Run `hook` before each call like `PATCH /v2/Groups` is passed on."""
        self._hooks[call] = hook

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; whatever the client does, it ends quietly."""
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._exchange(reader, writer)
        finally:
            await _closed(writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request = head + await reader.readexactly(_content_length(head))
        method, path, _ = head.decode("latin-1").split(" ", 2)
        number = len(self.calls)
        self.calls.append(f"{method} {path}")
        self.last_request = request
        fault = self._faults.pop(number, None)
        for call, hook in self._hooks.items():
            if f"{method} {path}".startswith(call):
                await hook()
        ours = fault if isinstance(fault, bytes) else CANNED.get(fault) if fault else None
        if ours is not None:
            writer.write(ours)
            await writer.drain()
        elif fault is not Fault.CUT_BEFORE:
            answer = await self._forward(request)
            await self._deliver(answer, fault, writer)

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        try:
            writer.write(request)
            return await reader.read(-1)
        finally:
            await _closed(writer)

    async def _deliver(
        self, answer: bytes, fault: Fault | bytes | None, writer: asyncio.StreamWriter
    ) -> None:
        if fault is Fault.CUT_AFTER:
            return
        if fault is Fault.SILENT_AFTER:
            await asyncio.sleep(self.hold_seconds)
            return
        writer.write(answer[: len(answer) - 9] if fault is Fault.HALF_ANSWER else answer)
        await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@contextlib.asynccontextmanager
async def wire_cutter(upstream_port: int) -> AsyncIterator[WireCutter]:
    """A proxy on a free loopback port, for as long as the block lasts."""
    proxy = WireCutter(upstream_port)
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        task.add_done_callback(served.discard)
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
