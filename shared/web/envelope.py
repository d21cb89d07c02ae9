"""Around every answer: correlation, security headers, metrics, one log line, the last resort."""

import time
from collections.abc import Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.event_sourcing.database import is_world_away
from shared.operations import metrics
from shared.operations.logging import correlated
from shared.web.correlation import CORRELATION_HEADER, begin_trace
from shared.web.problems import problem, problem_response, unavailable

QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DISCONNECTED = 499

# Pages have no script and no frame; a route that needs more sets its own value, which stays.
SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    (
        "content-security-policy",
        (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self';"
            " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
_TRANSPORT_SECURITY = ("strict-transport-security", "max-age=31536000")

log = structlog.get_logger(__name__)


class Envelope:
    """Whatever happens inside, the sender gets an answer that names the correlation id."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        headers = (*SECURITY_HEADERS, _TRANSPORT_SECURITY) if https else SECURITY_HEADERS
        self._headers = [(name.encode(), value.encode()) for name, value in headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":  # whoever may GET may ask for the head of it (RFC 9110, 9.1)
            scope = {**scope, "method": "GET"}
        trace = begin_trace(scope)
        answer = _Answer(send, self._headers, str(trace.correlation_id), bodiless=method == "HEAD")
        began = time.perf_counter()
        with correlated(trace.correlation_id):
            try:
                await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                answer.status = answer.status or _DISCONNECTED
            except Exception as error:
                if is_world_away(error):
                    log.warning("world_away", exc_info=error)
                    found = unavailable()
                else:
                    log.exception("request_failed", route=_route(scope))
                    found = problem(500)
                if answer.status:  # half an answer was sent: only a broken connection tells so
                    raise
                response = problem_response(found, answer.correlation_id)
                await response(scope, receive, answer.send)
            finally:
                status, seconds = answer.status or _DISCONNECTED, time.perf_counter() - began
                _count(method, _route(scope), status, seconds)


class _Answer:
    """Adds the headers to the answer and remembers its status."""

    def __init__(
        self,
        send: Send,
        headers: Iterable[tuple[bytes, bytes]],
        correlation_id: str,
        *,
        bodiless: bool,
    ) -> None:
        self._send = send
        self._headers = headers
        self._bodiless = bodiless
        self.correlation_id = correlation_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [each for each in self._headers if each[0] not in present]
            headers.append((CORRELATION_HEADER.lower().encode(), self.correlation_id.encode()))
            message = {**message, "headers": headers}
        elif self._bodiless and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _route(scope: Scope) -> str:
    """The template, never the address: an address holds ids, and there are endlessly many."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _count(method: str, route: str, status: int, seconds: float) -> None:
    method = method if method in _METHODS else "other"
    metrics.HTTP_REQUESTS.labels(method, route, str(status)).inc()
    metrics.HTTP_REQUEST_SECONDS.labels(method, route).observe(seconds)
    if route not in QUIET_ROUTES:
        milliseconds = round(seconds * 1000, 1)
        log.info(
            "request_answered", method=method, route=route, status=status, milliseconds=milliseconds
        )
