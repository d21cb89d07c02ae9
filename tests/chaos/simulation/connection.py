"""The pool and connections that the product's own code works with: asyncpg's verbs over the database in memory.

A statement is known by its text (statements*.py). Before and after each the process may die, and the connection may
be cut: before it, nothing happened; after it, it happened and nobody was told.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import asyncpg

from tests.chaos.simulation.database import Database, Row, Transaction
from tests.chaos.simulation.machine import Machine, Process

IDLE_SESSION_SECONDS_MAX = 30.0


class Statement:
    """A text of the product, its name among the points, and what it does."""

    def __init__(self, name: str, execute: "Execute") -> None:
        self.name, self.execute = name, execute


Execute = Callable[["Session", Transaction, Sequence[Any]], Awaitable[Any]]
Find = Callable[[str], Statement]


class Session:
    """One connection of one process."""

    def __init__(self, database: Database, process: Process, find: Find) -> None:
        self.database, self.process = database, process
        self.machine: Machine = database.machine
        self._find = find
        self._transaction: Transaction | None = None
        self._closed = False
        self._restarts = database.restarts
        self._used_at = self.machine.loop.time()

    async def fetch(self, query: str, *args: object) -> list[Row]:
        rows: list[Row] = await self._run(query, args)
        return rows

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        rows = await self._run(query, args)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - as asyncpg
        rows = await self._run(query, args)
        return next(iter(rows[0].values())) if rows else None

    async def execute(self, query: str, *args: object) -> str:
        await self._run(query, args)
        return "OK"

    def transaction(self) -> "Block":
        return Block(self)

    def is_closed(self) -> bool:
        return self._closed

    def terminate(self) -> None:
        """The server notices, and ends what was begun."""
        self._closed = True
        if self._transaction is not None:
            self.database.end(self._transaction)
        if self.database.leader is self:
            self.database.leader = None

    @property
    def lives(self) -> bool:
        """Whether the server still has this session; one that idled too long it has not."""
        idle = self.machine.loop.time() - self._used_at
        if not self.process.alive or idle > IDLE_SESSION_SECONDS_MAX:
            self.terminate()
        return not self._closed

    def begin(self) -> None:
        self._transaction = self.database.begin()

    async def commit(self) -> None:
        """Killed before it: nothing happened. Cut or killed after it: all of it happened."""
        transaction = self._transaction
        assert transaction is not None
        await self._step("commit")
        self._transaction = None
        self.database.commit(transaction)
        self._answer("commit")

    def rollback(self) -> None:
        if self._transaction is not None:
            self.database.end(self._transaction)
            self._transaction = None

    async def _run(self, query: str, args: Sequence[Any]) -> Any:  # noqa: ANN401 - as asyncpg
        statement = self._find(query)
        await self._step(statement.name)
        transaction = self._transaction or self.database.begin()
        self.database.require_open(transaction)
        transaction.busy = True
        try:
            answer = await statement.execute(self, transaction, args)
        except BaseException:
            self.database.end(transaction)
            raise
        finally:
            transaction.busy = False
            transaction.idle_since = self.machine.loop.time()
        if transaction is not self._transaction:
            self.database.commit(transaction)
        self._answer(statement.name)
        return answer

    async def _step(self, name: str) -> None:
        try:
            await self.machine.step(self.process, f"before {name}")
        except BaseException:
            self.terminate()
            raise
        if self.database.away_until > self.machine.loop.time():
            self.terminate()
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        if self._restarts != self.database.restarts:
            self.terminate()
        if self._closed or self.machine.inject("connection cut", self.machine.weather.cut):
            self.terminate()
            self.machine.interrupts(self.process.service)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        self._used_at = self.machine.loop.time()

    def _answer(self, name: str) -> None:
        try:
            self.machine.point(self.process, f"after {name}")
        except BaseException:
            self.terminate()
            raise
        if self.machine.inject("answer lost", self.machine.weather.cut):
            self.terminate()
            self.machine.interrupts(self.process.service)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle")


class Block:
    """`async with connection.transaction()`, or by its verbs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def start(self) -> None:
        self._session.begin()

    async def commit(self) -> None:
        await self._session.commit()

    async def rollback(self) -> None:
        self._session.rollback()

    async def __aenter__(self) -> Self:
        self._session.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._session.commit()
        else:
            self._session.rollback()


class MemoryPool:
    """What a process asks for connections; each call may get a fresh one."""

    def __init__(self, database: Database, process: Process, find: Find) -> None:
        self.database, self.process = database, process
        self._find = find

    def session(self) -> Session:
        """A connection of its own, as the relay has one."""
        return Session(self.database, self.process, self._find)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Session]:
        session = self.session()
        try:
            yield session
        finally:
            session.terminate()

    async def fetch(self, query: str, *args: object) -> list[Row]:
        return await self.session().fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        return await self.session().fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - as asyncpg
        return await self.session().fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self.session().execute(query, *args)
