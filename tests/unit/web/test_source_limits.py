"""A source is told to wait in time, whoever it says it is, and the memory for sources is bounded."""

import pytest
from starlette.requests import HTTPConnection

from shared.web.limits import SourceLimit, source_of


def test_a_minute_s_worth_passes_at_once_then_as_time_goes_by() -> None:
    now = [0.0]
    limit = SourceLimit(60, clock=lambda: now[0])
    assert [limit.seconds_to_wait("a") for _ in range(60)] == [0] * 60
    assert limit.seconds_to_wait("a") == 1
    assert limit.seconds_to_wait("b") == 0
    now[0] += 2
    assert [limit.seconds_to_wait("a") for _ in range(3)] == [0, 0, 1]
    now[0] += 3600
    assert [limit.seconds_to_wait("a") for _ in range(61)] == [0] * 60 + [1]


def test_only_so_many_sources_are_remembered() -> None:
    limit = SourceLimit(1, clock=lambda: 0.0, sources_max=10)
    assert all(limit.seconds_to_wait(str(source)) == 0 for source in range(1000))
    assert len(limit._buckets) == 10  # noqa: SLF001 - the promise is about memory
    assert limit.seconds_to_wait("999") == 60


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["10.0.0.1, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["10.0.0.1", "198.51.100.1"], "198.51.100.1"),
        ("::1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1:99"], "127.0.0.1"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fe80::1%eth0", [], "fe80::"),
        ("testclient", ["198.51.100.1"], "unknown"),
    ],
)
def test_the_source_is_the_one_the_front_door_saw(
    peer: str, forwarded: list[str], source: str
) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "headers": headers, "client": (peer, 1)}
    assert source_of(HTTPConnection(scope)) == source


def test_no_peer_is_a_source_too() -> None:
    scope: dict[str, object] = {"type": "http", "headers": [], "client": None}
    assert source_of(HTTPConnection(scope)) == "unknown"
