"""The proxy does to a wire what it is told, to nobody else, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.chaos.proxy import Proxy
from tests.chaos.trouble import Trouble

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def heard() -> list[bytes]:
    """What reached the server."""
    return []


@pytest.fixture
async def proxy(heard: list[bytes]) -> AsyncIterator[Proxy]:
    """Before a server that says every message again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            heard.append(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    found = Proxy(server.sockets[0].getsockname()[1])
    listening = await found.start()
    yield found
    for each in (listening, server):
        each.close()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def said(wire: Wire, message: bytes) -> bytes:
    """The answer, empty when the connection ended first."""
    reader, writer = wire
    try:
        writer.write(message)
        async with asyncio.timeout(5):
            return await reader.read(1000)
    except ConnectionError:
        return b""


async def test_without_trouble_everything_passes(proxy: Proxy) -> None:
    async with connected(proxy) as wire:
        assert await said(wire, b"one") == b"one"
        assert await said(wire, b"two") == b"two"


async def test_a_cut_ends_open_connections_and_refuses_new_ones_until_it_is_over(
    proxy: Proxy, heard: list[bytes]
) -> None:
    async with connected(proxy) as wire:
        assert await said(wire, b"before") == b"before"
        async with proxy.troubled(Trouble(refuse=True)) as trouble:
            assert await said(wire, b"lost") == b""
            async with connected(proxy) as other:
                assert await said(other, b"lost too") == b""
        assert trouble.hits == 2
    async with connected(proxy) as wire:
        assert await said(wire, b"after") == b"after"
    assert heard == [b"before", b"after"]


async def test_a_half_open_wire_takes_everything_and_delivers_it_when_it_heals(
    proxy: Proxy, heard: list[bytes]
) -> None:
    async with connected(proxy) as wire:
        async with proxy.troubled(Trouble(silent=True)):
            wire[1].write(b"late")
            await asyncio.sleep(0.2)
            assert not heard
        assert await said(wire, b"") == b"late"


async def test_the_answer_to_a_commit_is_lost_after_the_server_has_acted(
    proxy: Proxy, heard: list[bytes]
) -> None:
    async with proxy.troubled(Trouble(lose_answer_to=b"COMMIT;", times=1)) as trouble:
        async with connected(proxy) as wire:
            assert await said(wire, b"BEGIN;") == b"BEGIN;"
            assert await said(wire, b"COMMIT;") == b""
        async with connected(proxy) as wire:
            assert await said(wire, b"COMMIT;") == b"COMMIT;", "once is enough"
    assert trouble.hits == 1
    assert heard == [b"BEGIN;", b"COMMIT;", b"COMMIT;"]


async def test_replies_end_after_so_many_bytes(proxy: Proxy) -> None:
    async with (
        proxy.troubled(Trouble(replies_bytes_max=4)),
        connected(proxy) as wire,
    ):
        assert await said(wire, b"1234") == b"1234"
        assert await said(wire, b"5") == b""


async def test_somebody_else_answers(proxy: Proxy, heard: list[bytes]) -> None:
    def answer(message: bytes) -> bytes | None:
        return b"451" if message == b"RCPT" else None

    async with proxy.troubled(Trouble(answer=answer)), connected(proxy) as wire:
        assert await said(wire, b"RCPT") == b"451"
        assert await said(wire, b"NOOP") == b"NOOP"
    assert heard == [b"NOOP"]
