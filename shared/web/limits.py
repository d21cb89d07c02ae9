"""How much one source may file. Early refusal (429) in bounded memory; officers are exempt (DOMAIN section 7)."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import HTTPConnection

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
        """0 = go on (and one is counted); else the whole seconds until the next one is let through."""
        now, per_second = self._clock(), self._per_minute / 60
        bucket = self._buckets.pop(source, None) or _Bucket(self._per_minute, now)
        self._buckets[source] = bucket
        if len(self._buckets) > self._sources_max:
            self._buckets.popitem(last=False)  # idle longest, so it is the fullest bucket
        bucket.tokens = min(self._per_minute, bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, ceil((1 - bucket.tokens) / per_second))


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
        return str(ipaddress.ip_network((peer, 64), strict=False))
    return str(peer)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
