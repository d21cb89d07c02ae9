"""How much one source may file: refused early (429), in bounded memory; officers are exempt."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import HTTPConnection, Request

from shared.web.problems import problem
from shared.web.sign_in import OptionalOfficer

SOURCES_MAX = 20_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class SourceLimit:
    """A token bucket for each source: a minute's worth at once, then as the minute passes."""

    def __init__(
        self,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sources_max: int = SOURCES_MAX,
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._sources_max = sources_max
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def seconds_to_wait(self, source: str) -> int:
        """0: go on, and one is counted. Else the whole seconds until the next is let through."""
        now, per_second = self._clock(), self._per_minute / 60
        bucket = self._buckets.pop(source, None) or _Bucket(self._per_minute, now)
        self._buckets[source] = bucket
        if len(self._buckets) > self._sources_max:
            self._buckets.popitem(last=False)  # idle longest: the fullest
        bucket.tokens = min(self._per_minute, bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, ceil((1 - bucket.tokens) / per_second))


async def filing_limit(request: Request, officer: OptionalOfficer) -> None:
    """A dependency for routes where anybody may file. Raises a Problem (429)."""
    if officer is not None:
        return
    limit: SourceLimit = request.app.state.filing_limit
    if seconds := limit.seconds_to_wait(source_of(request)):
        raise problem(429, headers={"Retry-After": str(seconds)})


def source_of(connection: HTTPConnection) -> str:
    """The sender's address; behind the front door on this machine, the one it saw.

    X-Forwarded-For is believed from a loopback peer only, and of it the last entry, which the
    front door wrote itself. IPv6 senders own a whole /64.
    """
    peer = _address(connection.client.host if connection.client else "")
    if peer is None:
        return "unknown"
    if peer.is_loopback:
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
        peer = _address(forwarded.rpartition(",")[2].strip()) or peer
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Address(int(peer) >> 64 << 64))
    return str(peer)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
