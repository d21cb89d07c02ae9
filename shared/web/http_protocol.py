"""HTTP/1.1 as the services and the front door take it: a request head is bounded in bytes and in seconds (P13).

uvicorn's h11, not its httptools, which keeps a head of any length. What is no HTTP is told as every mistake is.
"""

import asyncio
import sys
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from shared.web.problems import Problem, problem, problem_response

HEAD_BYTES_MAX = 32 * 1024  # of what may come before the blank line; in the worst case twice that
HEAD_SECONDS_MAX = 10.0
REST_SECONDS_MAX = 60.0  # for the rest of a body that was answered already
LINGER_SECONDS = 1.0
_OVER = frozenset({h11.MUST_CLOSE, h11.CLOSED, h11.ERROR})
_NO_HTTP = "Baris permintaan atau kepala (header) permintaan tidak dapat dibaca."


class _Connection(h11.Connection):
    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """A body of two lengths is refused (RFC 9112, 6.1): the next reader may believe the other one."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = [name for name, _ in event.headers]
            if b"content-length" in names and b"transfer-encoding" in names:
                raise h11.RemoteProtocolError("two lengths")
        return event


class HttpProtocol(H11Protocol):
    """`uvicorn.Config(http=HttpProtocol)`; the limits come with it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Connection(h11.SERVER, HEAD_BYTES_MAX)
        self._awaited: object = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._set_timer(None)

    def data_received(self, data: bytes) -> None:
        if _OVER & {self.conn.our_state, self.conn.their_state}:
            return  # the last answer is on its way: what still comes is read, not kept
        if self.conn.their_state is h11.IDLE:  # h11 measures a head only while it is incomplete
            super().data_received(data[: HEAD_BYTES_MAX + 1])
            data = data[HEAD_BYTES_MAX + 1 :]
        if data and not _OVER & {self.conn.our_state, self.conn.their_state}:
            super().data_received(data)
        if self.conn.our_state not in _OVER:  # else the time to linger runs
            self._watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - English
        """Called while h11's mistake is handled, which says whether the head was too long."""
        too_long = getattr(sys.exception(), "error_status_hint", 0) == 431  # noqa: PLR2004 - HTTP
        self._refuse(problem(431) if too_long else problem(400, detail=_NO_HTTP))

    def _watch(self) -> None:
        """Time runs while the sender owes something: a head, or the rest of a body nobody reads."""
        awaited = None if self._in_work() else self.conn.their_state
        if awaited is not self._awaited:
            self._awaited = awaited
            limits = {h11.IDLE: HEAD_SECONDS_MAX, h11.SEND_BODY: REST_SECONDS_MAX}
            self._set_timer(limits.get(awaited) if awaited else None)

    def _in_work(self) -> RequestResponseCycle | None:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return None if cycle is None or cycle.response_complete else cycle

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._give_up) if seconds else None

    def _give_up(self) -> None:
        begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if begun and self.conn.our_state is h11.IDLE:
            self._refuse(problem(408))
        else:
            self.transport.close()

    def _refuse(self, found: Problem) -> None:
        """The last answer of this connection, unless half of another one was sent.

        Closing at once would reset the connection under a sender who has not read it yet.
        """
        if cycle := self._in_work():
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        answer = problem_response(found)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=found.status, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.write_eof()
        self._set_timer(LINGER_SECONDS)
