"""Facts in: one batch, one transaction, one explicit offset commit; each record exactly one outcome.

Promises P3 (once), P4 (in order), P5 (nothing vanishes): received = applied + duplicate + ignored + unknown_type +
refused + held + parked. What becomes of a record is decided in taking.py; here stands what happens when it fails.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import asyncpg
import structlog

from shared.event_sourcing.database import (
    Connection,
    is_contention,
    is_world_away,
    taken_constraint,
)
from shared.event_sourcing.transaction import Batch
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging import blocked
from shared.messaging.blocked import Received
from shared.messaging.copied_back import known_copies
from shared.messaging.marks import load_marks, lock_partitions, move_marks, store_offsets
from shared.messaging.taking import Mode, OurCodeFails, React, Taking, conflicts, park
from shared.operations import metrics
from shared.operations.kill_points import reached

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

UNKNOWN_TYPES_TOLD_MAX = 100

log = structlog.get_logger(__name__)


class Subscription(Generic[C, S, E]):
    """What one service takes in under one name. `react` is pure: a fact and the time it is learned -> commands."""

    def __init__(
        self,
        unit: UnitOfWork[C, S, E],
        name: str,
        topics: Sequence[str],
        react: React[C],
    ) -> None:
        self.unit, self.name, self.topics = unit, name, tuple(topics)
        self._react = react
        self._unknown: set[str] = set()

    async def handle(self, records: Sequence[Received]) -> None:
        """Take in these records, in partition order. Returns when they are committed.

        Raises only what the caller should wait out (database away, OurCodeFails); no record is judged by that.
        Called again with the same records, it goes on with those that are not in yet.
        """
        if left := [record for record in records if not record.taken]:
            self._tell_unknown_types(left)
            await self._handle(left, Mode())

    async def sweep(self) -> None:
        """At start: drain what was held and is ready, as a crash may have left it."""
        async with self.unit.pool.acquire() as connection:
            ready = await blocked.heads(connection, self.name)
        for head in ready:
            await self.replay(head)

    async def replay(self, record: Received) -> None:
        """Take in a stored record as if it had just come, and what is held behind it."""
        await self._handle([record], Mode(replay=True))

    async def _handle(self, records: Sequence[Received], mode: Mode) -> None:
        """A batch that the database refuses is halved until the culprit stands alone."""
        try:
            await self._commit(records, mode)
        except Exception as error:
            if is_world_away(error) or isinstance(error, OurCodeFails):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._handle(records[:middle], mode)
                await self._handle(records[middle:], mode)
            elif mode.drain and not mode.replay:
                await self._handle(records, replace(mode, drain=False))
                await self._drain_after(records[0])
            elif taken_constraint(error) == "reserved_pkey":
                await self._commit(records, replace(mode, drain=False, refuse=True))
            else:
                await self._park(records[0], error)

    async def _drain_after(self, record: Received) -> None:
        """One at a time, so that a successor that fails in the database does not park the record that released it."""
        while True:
            async with self.unit.pool.acquire() as connection:
                ready = [
                    head
                    for head in await blocked.heads(connection, self.name)
                    if head.stream_key == record.stream_key
                ]
            if not ready:
                return
            await self._handle(ready[:1], Mode(drain=False, replay=True))

    async def _commit(self, records: Sequence[Received], mode: Mode) -> None:
        while True:
            try:
                async with self.unit.pool.acquire() as connection, connection.transaction():
                    taking = await self._load(connection, records, mode)
                    for record in records:
                        taking.take(record)
                    taking.check_our_code()
                    await self._write(connection, taking, () if mode.replay else records)
                    reached("before_commit_of_batch")
                reached("after_commit_of_batch")
            except asyncpg.PostgresError as error:
                if not is_contention(error):
                    raise
            else:
                break
        for record in records:
            record.taken = True
        self.unit.wakeups.after(taking.batch.changes)
        for outcome, count in taking.outcomes.items():
            metrics.RECORDS.labels(self.name, outcome).inc(count)

    async def _load(
        self, connection: Connection, records: Sequence[Received], mode: Mode
    ) -> Taking[C, S, E]:
        await lock_partitions(connection, self.name, {record.place[:2] for record in records})
        batch = Batch(self.unit, connection)
        await batch.begin()
        streams = sorted({record.stream_key for record in records if record.stream is not None})
        marks = await load_marks(connection, self.name, streams)
        stored = await blocked.of_streams(connection, self.name, streams) if streams else []
        waiting = {(*each.stream_key, each.sequence or 0): each for each in stored}
        loose = [
            record
            for record in records
            if record.stream is None or conflicts(record, marks, waiting)
        ]
        places = await blocked.stored_places(connection, self.name, [each.place for each in loose])
        places |= await known_copies(connection, self.name, loose)
        taking = Taking(batch, mode, marks, waiting, places)
        await taking.plan(records, self._react)
        return taking

    async def _write(
        self, connection: Connection, taking: Taking[C, S, E], records: Sequence[Received]
    ) -> None:
        await blocked.delete(connection, taking.removed)
        new = [each for each in taking.waiting.values() if each.stored_id is None]
        changed = [
            each
            for each in taking.waiting.values()
            if each.stored_id and each.reason != each.stored_reason
        ]
        parked = await blocked.insert(connection, self.name, [*new, *changed, *taking.loose])
        await blocked.mirror(connection, self.name, parked)
        if taking.batch.changes:
            reached("before_append_of_batch")
            await taking.batch.write()
            reached("after_append_of_batch")
        if taking.moved:
            moved = {stream: taking.marks[stream] for stream in taking.moved}
            await move_marks(connection, self.name, moved)
        if records:
            await store_offsets(connection, self.name, [record.place for record in records])

    async def _park(self, record: Received, error: BaseException) -> None:
        """The record itself makes the database refuse: keep it, parked, in a transaction of its own."""
        park(record, error)
        if record.stored_id is not None:
            async with self.unit.pool.acquire() as connection, connection.transaction():
                await blocked.mark_parked(connection, record)
                await blocked.mirror(connection, self.name, [(record.stored_id, record.place[0])])
                reached("before_commit_of_parked")
            reached("after_commit_of_parked")
            return
        record.unreadable = True  # so that nothing tries it again in this transaction
        record.fact = None
        await self._commit([record], Mode(drain=False))

    def _tell_unknown_types(self, records: Sequence[Received]) -> None:
        """Each once: consumers are deployed before producers, and the topic keeps everything."""
        for record in records:
            if record.unknown_type and record.envelope:
                ce_type = record.envelope.ce_type
                if ce_type not in self._unknown and len(self._unknown) < UNKNOWN_TYPES_TOLD_MAX:
                    self._unknown.add(ce_type)
                    log.warning("fact_type_unknown", topic=record.place[0], type=ce_type)
