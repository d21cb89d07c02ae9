"""Our own TCP proxy: what passes it is delayed, throttled, silenced, cut, or answered by somebody else."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.chaos.trouble import Trouble

RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    answer_lost: bool = False
    replied: int = 0

    def end(self, *, reset: bool) -> None:
        """Reset as a firewall does: nothing of what is on its way arrives."""
        for writer in self.writers:
            if reset and (ours := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            writer.close()


@dataclass(eq=False)
class Proxy:
    """Forwards to `target` on loopback, from `port` once it is started; one trouble at a time, without one nothing."""

    target: int
    port: int = 0
    _trouble: Trouble | None = None
    _open: set[_Connection] = field(default_factory=set)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[Trouble]:
        """As long as the block lasts; another one waits for its end."""
        async with self._one:
            self._trouble, self._over = trouble, asyncio.Event()
            for connection in tuple(self._open) if trouble.refuse else ():
                trouble.hits += 1
                connection.end(reset=True)
            try:
                yield trouble
            finally:
                self._trouble = None
                self._over.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, whole = _Connection([writer]), False
        self._open.add(connection)
        try:
            if self._trouble and self._trouble.refuse:
                self._trouble.hits += 1
                return
            replies, server = await asyncio.open_connection("127.0.0.1", self.target)
            connection.writers.append(server)
            pumps = [self._ask(connection, reader), self._reply(connection, replies)]
            ended, others = await asyncio.wait(
                [asyncio.create_task(pump) for pump in pumps], return_when="FIRST_COMPLETED"
            )
            whole = all(each.exception() is None and each.result() for each in ended)
            for each in others:
                each.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        except OSError:
            return
        finally:
            connection.end(reset=not whole)
            self._open.discard(connection)

    async def _ask(self, connection: _Connection, client: asyncio.StreamReader) -> bool:
        while data := await client.read(1 << 16):
            trouble = await self._held(len(data))
            if trouble and trouble.answer and (said := trouble.answer(data)) is not None:
                trouble.hits += 1
                connection.writers[0].write(said)
                continue
            lost = trouble.lose_answer_to if trouble and trouble.hits < trouble.times else None
            if trouble and lost and lost in data:
                trouble.hits += 1
                connection.answer_lost = True
            connection.writers[1].write(data)
            await connection.writers[1].drain()
        return True

    async def _reply(self, connection: _Connection, server: asyncio.StreamReader) -> bool:
        while data := await server.read(1 << 16):
            trouble = await self._held(len(data))
            connection.replied += len(data)
            most = trouble.replies_bytes_max if trouble else None
            if connection.answer_lost or (most is not None and connection.replied > most):
                if trouble and not connection.answer_lost:
                    trouble.hits += 1
                return False
            connection.writers[0].write(data)
            await connection.writers[0].drain()
        return True

    async def _held(self, size: int) -> Trouble | None:
        """Until these bytes may pass; answers the trouble that is on then."""
        while self._trouble and self._trouble.silent:
            self._trouble.hits += 1
            await self._over.wait()
        if (trouble := self._trouble) and (seconds := trouble.seconds(size)):
            trouble.hits += 1
            await asyncio.sleep(seconds)
        return trouble
