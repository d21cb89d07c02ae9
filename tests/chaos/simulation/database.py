"""One service's PostgreSQL in memory, as far as the store's promises rest on it: READ COMMITTED, row locks, rollback.

A transaction's rows are its own until it commits. Who writes a row holds its lock till then; others wait, find
a deadlock, or give up after `lock_timeout`. A transaction that idles too long is ended, as in `open_pool`.
"""

import asyncio
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.chaos.simulation.machine import Machine

LOCK_SECONDS_MAX = 20.0
IDLE_SECONDS_MAX = 30.0

Row = dict[str, Any]
Key = tuple[Hashable, ...]
LockKey = tuple[Hashable, ...]


@dataclass(slots=True, eq=False)
class Transaction:
    """What one transaction has written and locked."""

    began: float
    rows: dict[str, dict[Key, Row | None]] = field(default_factory=dict)
    locks: set[LockKey] = field(default_factory=set)
    waits_for: "Transaction | None" = None
    ended: "asyncio.Future[None] | None" = None
    busy: bool = False
    idle_since: float = 0.0
    open: bool = True


class Database:
    """Tables by name, rows by key; keys are the values of the key columns as text."""

    def __init__(self, machine: Machine, service: str) -> None:
        self.machine, self.service = machine, service
        self.tables: dict[str, dict[Key, Row]] = {}
        self.events: dict[str, list[Row]] = {}
        self.holders: dict[LockKey, Transaction] = {}
        self.leader: object | None = None
        self.restarts = 0
        self.away_until = 0.0
        self._identity = 0

    def identity(self) -> int:
        """The next value of an identity column: given at the insert, whenever that commits."""
        self._identity += 1
        return self._identity

    def restart(self, seconds: float) -> None:
        """Every session and transaction ends; nobody is let in for a while."""
        for holder in set(self.holders.values()):
            self.end(holder)
        self.leader = None
        self.restarts += 1
        self.away_until = self.machine.loop.time() + seconds

    def begin(self) -> Transaction:
        """A transaction."""
        return Transaction(self.machine.loop.time(), idle_since=self.machine.loop.time())

    def commit(self, transaction: Transaction) -> None:
        """Everything at once; then the locks go."""
        self.require_open(transaction)
        for name, rows in transaction.rows.items():
            if name == "events":
                for row in rows.values():
                    assert row is not None
                    self.events.setdefault(row["stream_id"], []).append(row)
                continue
            table = self.tables.setdefault(name, {})
            for key, changed in rows.items():
                if changed is None:
                    table.pop(key, None)
                else:
                    table[key] = changed
        self.end(transaction)

    def end(self, transaction: Transaction) -> None:
        """Roll back what was not committed, and let the waiters go on."""
        transaction.open = False
        transaction.rows = {}
        for key in transaction.locks:
            del self.holders[key]
        transaction.locks = set()
        if transaction.ended is not None and not transaction.ended.done():
            transaction.ended.set_result(None)

    def require_open(self, transaction: Transaction) -> None:
        """Raises what a client sees whose session was ended."""
        idle = self.machine.loop.time() - transaction.idle_since
        if transaction.open and not transaction.busy and idle > IDLE_SECONDS_MAX:
            self.end(transaction)
        if not transaction.open:
            raise asyncpg.ConnectionDoesNotExistError("the session was ended")

    def stream(self, transaction: Transaction, stream_id: str) -> list[Row]:
        """The events of a stream, own ones included."""
        committed = self.events.get(stream_id, [])
        own = transaction.rows.get("events")
        if not own:
            return committed
        return committed + [row for row in own.values() if row and row["stream_id"] == stream_id]

    def get(self, transaction: Transaction, table: str, key: Key) -> Row | None:
        """One row as this transaction sees it."""
        own = transaction.rows.get(table)
        if own is not None and key in own:
            return own[key]
        return self.tables.get(table, {}).get(key)

    def scan(self, transaction: Transaction, table: str) -> Iterator[tuple[Key, Row]]:
        """Every row as this transaction sees it, in the order of their keys' first writing."""
        own = transaction.rows.get(table, {})
        for key, row in list(self.tables.get(table, {}).items()):
            if key not in own:
                yield key, row
        for key, changed in list(own.items()):
            if changed is not None:
                yield key, changed

    def put(self, transaction: Transaction, table: str, key: Key, row: Row | None) -> None:
        """Write a row whose lock is held; None takes it away."""
        transaction.rows.setdefault(table, {})[key] = row

    def locked(self, transaction: Transaction, key: LockKey) -> bool:
        """Whether somebody else holds it."""
        holder = self.holders.get(key)
        return holder is not None and holder is not transaction and self._lives(holder)

    async def lock(self, transaction: Transaction, key: LockKey) -> None:
        """Hold it until the transaction ends."""
        until = self.machine.loop.time() + LOCK_SECONDS_MAX
        while self.locked(transaction, key):
            holder = self.holders[key]
            if self._waits_for(holder, transaction):
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            if self.machine.loop.time() >= until:
                raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")
            await self._until_ended(transaction, holder, until)
        if (
            not transaction.open
        ):  # it waited, and its session was ended meanwhile: it holds nothing any more
            raise asyncpg.ConnectionDoesNotExistError("the session was ended")
        if key not in transaction.locks:
            self.holders[key] = transaction
            transaction.locks.add(key)

    async def _until_ended(
        self, transaction: Transaction, holder: Transaction, until: float
    ) -> None:
        if holder.ended is None:
            holder.ended = self.machine.loop.create_future()
        transaction.waits_for = holder
        seconds = min(until - self.machine.loop.time(), 5.0)
        try:
            await asyncio.wait([holder.ended], timeout=max(seconds, 0.001))
        finally:
            transaction.waits_for = None

    def _lives(self, holder: Transaction) -> bool:
        idle = self.machine.loop.time() - holder.idle_since
        if not holder.busy and idle > IDLE_SECONDS_MAX:
            self.end(holder)
        return holder.open

    @staticmethod
    def _waits_for(one: Transaction | None, other: Transaction) -> bool:
        while one is not None:
            if one is other:
                return True
            one = one.waits_for
        return False
