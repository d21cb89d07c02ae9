"""What ties a request to all that follows from it, in this service and the others."""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from shared.event_sourcing.unit_of_work import Context

CORRELATION_HEADER = "X-Correlation-ID"
_SCOPE_KEY = "datacloud.trace"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Trace:
    """The caller's correlation id if it sent a UUID, and its traceparent (W3C Trace Context); else ours."""

    correlation_id: UUID
    traceparent: str


def begin_trace(scope: Scope) -> Trace:
    """Read the headers once and remember the answer in the scope."""
    headers = Headers(scope=scope)
    sent, traceparent = headers.get(CORRELATION_HEADER, ""), headers.get("traceparent", "")
    correlation_id = UUID(sent) if _UUID.fullmatch(sent) else uuid4()
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = f"00-{uuid4().hex}-{uuid4().hex[-16:]}-00"
    trace = Trace(correlation_id, traceparent)
    scope[_SCOPE_KEY] = trace
    return trace


def trace_of(connection: HTTPConnection) -> Trace:
    """The trace of this request."""
    trace = connection.scope.get(_SCOPE_KEY)
    return trace if isinstance(trace, Trace) else begin_trace(connection.scope)


def context_of(connection: HTTPConnection, actor: str) -> Context:
    """For the unit of work, caused by this request. `actor` is an officer's id, or `public`; never a name."""
    trace = trace_of(connection)
    return Context(actor, trace.correlation_id, trace.correlation_id, trace.traceparent)
