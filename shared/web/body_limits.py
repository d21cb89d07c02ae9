"""Bounds of a request: bytes, seconds, and the memory that all requests hold together (P13)."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import problem, unavailable

BODY_BYTES_MAX = 32 * 1024 * 1024
HELD_BYTES_MAX = 64 * 1024 * 1024  # of all requests in flight; a service has 120 MB in peace
BODY_SECONDS_MAX = 180.0  # 10 MB over a line of half a megabit
CHUNK_SECONDS_MAX = 20.0


@dataclass(slots=True)
class _Held:
    """Body bytes of the requests that have not been answered yet."""

    total: int = 0


class BodyLimits:
    """Counts what is received; the route that reads it gets the Problem, and so does the sender."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held = _Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _LimitedBody(receive, self._held)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._held.total -= body.received


class _LimitedBody:
    """One request's body."""

    def __init__(self, receive: Receive, held: _Held) -> None:
        self._receive = receive
        self._held = held
        self._complete = False
        self._deadline: float | None = None
        self.received = 0

    async def receive(self) -> Message:
        if self._complete:  # from here on it is the wait for a disconnect, which may be long
            return await self._receive()
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + BODY_SECONDS_MAX
        try:
            async with asyncio.timeout_at(min(self._deadline, now + CHUNK_SECONDS_MAX)):
                message = await self._receive()
        except TimeoutError:
            raise problem(408) from None
        size = len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        self.received += size
        self._held.total += size
        if self.received > BODY_BYTES_MAX:
            raise problem(413)
        if self._held.total > HELD_BYTES_MAX:
            raise unavailable()
        return message
