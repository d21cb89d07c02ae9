"""Facts in: one batch, one transaction, one explicit offset commit; each record exactly one outcome.

Promises P3 (once), P4 (in order), P5 (nothing vanishes): received = applied + duplicate + ignored + unknown_type +
refused + held + parked. A bad record blocks its stream, in order; every other stream flows on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import asyncpg
import structlog

from shared.contracts.registry import Fact
from shared.event_sourcing.database import (
    Connection,
    is_contention,
    is_world_away,
    taken_constraint,
)
from shared.event_sourcing.decider import To
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.transaction import Batch
from shared.event_sourcing.unit_of_work import Advance, Context, UnitOfWork, Work
from shared.messaging import blocked
from shared.messaging.blocked import Received
from shared.messaging.marks import (
    NO_MARK,
    Mark,
    StreamKey,
    load_marks,
    lock_partitions,
    move_marks,
    store_offsets,
)
from shared.operations import metrics

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

STREAMS_FAILING_MAX = 20

log = structlog.get_logger(__name__)


class OurCodeFails(Exception):  # noqa: N818 - what the loop does about it is to wait, not to park everything
    """Many streams would be parked by errors of our own, none applied: the program is at fault, not the records."""


@dataclass(slots=True)
class _Taking(Generic[C, S, E]):
    """One transaction's view of what is in and what waits."""

    batch: Batch[C, S, E]
    marks: dict[StreamKey, Mark]
    waiting: dict[tuple[str, str, int], Received]
    known_places: set[blocked.Place]
    reactions: dict[blocked.Place, Sequence[To[C]]] = field(default_factory=dict)
    loose: list[Received] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    moved: set[StreamKey] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    refuse: bool = False


class Subscription(Generic[C, S, E]):
    """What one service takes in under one name. `react` is pure: a fact and the time it is learned -> commands."""

    def __init__(
        self,
        unit: UnitOfWork[C, S, E],
        name: str,
        topics: Sequence[str],
        react: Callable[[Fact, datetime], Iterable[To[C]]],
    ) -> None:
        self.unit, self.name, self.topics = unit, name, tuple(topics)
        self._react = react

    async def handle(self, records: Sequence[Received]) -> None:
        """Take in these records, in partition order. Returns when they are committed.

        Raises only what the caller should wait out (database away, OurCodeFails); no record is judged by that.
        """
        await self._handle(records)

    async def sweep(self) -> None:
        """At start: drain what was held and is ready, as a crash may have left it."""
        async with self.unit.pool.acquire() as connection:
            ready = await blocked.heads(connection, self.name)
        for head in ready:
            await self._handle([head], replay=True)

    async def _handle(
        self, records: Sequence[Received], *, drain: bool = True, replay: bool = False
    ) -> None:
        try:
            await self._commit(records, drain=drain, replay=replay)
        except Exception as error:
            if is_world_away(error) or isinstance(error, OurCodeFails):
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._handle(records[:middle], drain=drain, replay=replay)
                await self._handle(records[middle:], drain=drain, replay=replay)
            elif taken_constraint(error) == "reserved_pkey":
                await self._commit(records, drain=False, replay=replay, refuse=True)
            elif drain and not replay:
                await self._handle(records, drain=False)
                await self._drain_after(records[0])
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
            await self._handle(ready[:1], drain=False, replay=True)

    async def _commit(
        self, records: Sequence[Received], *, drain: bool, replay: bool, refuse: bool = False
    ) -> None:
        while True:
            try:
                async with self.unit.pool.acquire() as connection, connection.transaction():
                    taking = await self._load(connection, records, replay=replay)
                    taking.refuse = refuse
                    for record in records:
                        self._take(taking, record, drain=drain, replay=replay)
                    self._check_our_code(taking)
                    await self._write(connection, taking, () if replay else records)
            except asyncpg.PostgresError as error:
                if not is_contention(error):
                    raise
            else:
                break
        self.unit.wakeups.after(taking.batch.changes)
        for outcome, count in taking.outcomes.items():
            metrics.RECORDS.labels(self.name, outcome).inc(count)

    async def _load(
        self, connection: Connection, records: Sequence[Received], *, replay: bool
    ) -> _Taking[C, S, E]:
        await lock_partitions(connection, self.name, {record.place[:2] for record in records})
        batch = Batch(self.unit, connection)
        await batch.begin()
        streams = sorted({record.stream_key for record in records if record.stream is not None})
        marks = await load_marks(connection, self.name, streams)
        waiting = await blocked.of_streams(connection, self.name, streams) if streams else []
        places = await blocked.stored_places(
            connection,
            self.name,
            [record.place for record in records if _may_be_loose(record, marks)],
        )
        taking = _Taking(
            batch, marks, {(*each.stream_key, each.sequence or 0): each for each in waiting}, places
        )
        for record in records:
            if not record.unreadable:
                record.reason, record.detail = None, ""  # an earlier attempt may have failed on it
        for record in (*records, *(each for each in waiting if replay or each.reason is None)):
            self._plan(taking, record)
        await batch.load([to.stream_id for tos in taking.reactions.values() for to in tos])
        return taking

    def _plan(self, taking: _Taking[C, S, E], record: Received) -> None:
        """Ask the reaction which commands the fact asks for, so that their streams can be loaded at once."""
        if record.fact is None or record.unreadable:
            return
        try:
            taking.reactions[record.place] = tuple(self._react(record.fact, taking.batch.given.at))
        except Exception as error:  # noqa: BLE001 - whatever our code does, only this stream waits
            _failed(record, error)

    def _take(
        self, taking: _Taking[C, S, E], record: Received, *, drain: bool, replay: bool
    ) -> None:
        if record.stream is None or record.sequence is None:
            self._take_loose(taking, record)
            return
        at = (*record.stream_key, record.sequence)
        mark, fact_id = taking.marks.get(record.stream_key, NO_MARK)
        stored = taking.waiting.get(at)
        if record.sequence == mark and record.fact_id != fact_id and not replay:
            record.reason = "conflict"
            log.error("fact_conflicts", topic=record.place[0], stream=record.stream, sequence=mark)
            self._take_loose(taking, record)
            return
        same = stored is not None and stored.place == record.place
        new: Received | None = None
        if record.sequence > mark and not (same and not replay) and (stored or not replay):
            new = stored if replay and stored else record
            self._put(taking, at, stored, new, replay=replay)
        outcome = "duplicate" if new is None else None
        while (head := self._next(taking, record.stream_key)) and (drain or head is new):
            result = self._apply(taking, head)
            if result is None:
                break
            if head is new:
                outcome = result
            else:
                taking.outcomes["drained"] += 1
        if new is not None and outcome is None:
            outcome = "parked" if new.reason else "held"
        if replay:
            outcome = (
                "released" if outcome in ("applied", "ignored", "unknown_type", "refused") else None
            )
        else:
            taking.outcomes["received"] += 1
        if outcome:
            taking.outcomes[outcome] += 1

    @staticmethod
    def _put(
        taking: _Taking[C, S, E],
        at: tuple[str, str, int],
        stored: Received | None,
        new: Received,
        *,
        replay: bool,
    ) -> None:
        """The newer record of a number replaces the stored one; released ones are tried again unless unreadable."""
        if stored is not None and stored is not new and stored.stored_id is not None:
            taking.removed.append(stored.stored_id)
        if replay and not new.unreadable:
            new.reason, new.detail = None, ""
        taking.waiting[at] = new

    @staticmethod
    def _next(taking: _Taking[C, S, E], stream: StreamKey) -> Received | None:
        mark, _ = taking.marks.get(stream, NO_MARK)
        head = taking.waiting.get((*stream, mark + 1))
        return head if head is not None and head.reason is None else None

    def _apply(self, taking: _Taking[C, S, E], head: Received) -> str | None:
        """Decide all of it before any of it is kept; None when our code fails on it and it stays, parked."""
        outcome = "unknown_type" if head.unknown_type else "ignored"
        if tos := taking.reactions.get(head.place):
            try:
                taking.batch.keep(self._advance(taking, head, tos))
                outcome = "applied"
            except Refused as refused:
                outcome = "refused"
                log.info(
                    "fact_refused", stream=head.stream, sequence=head.sequence, code=refused.code
                )
            except Exception as error:  # noqa: BLE001 - whatever our code does, only this stream waits
                _failed(head, error)
                return None
        if head.unknown_type:
            log.info("fact_type_unknown", topic=head.place[0], stream=head.stream)
        mark, _ = taking.marks.get(head.stream_key, NO_MARK)
        taking.marks[head.stream_key] = (mark + 1, head.fact_id)
        taking.moved.add(head.stream_key)
        del taking.waiting[(*head.stream_key, mark + 1)]
        if head.stored_id is not None:
            taking.removed.append(head.stored_id)
        return outcome

    def _advance(
        self, taking: _Taking[C, S, E], head: Received, tos: Sequence[To[C]]
    ) -> list[Advance[S, E]]:
        if taking.refuse:
            raise Refused("name_reserved")
        opened = head.envelope
        assert opened is not None  # noqa: S101 - a record with a fact has an envelope
        assert head.fact_id is not None  # noqa: S101 - likewise
        context = Context(
            opened.source, opened.correlation_id or head.fact_id, head.fact_id, opened.traceparent
        )
        works = [(Work(to.stream_id, _constant(to.command)), context) for to in tos]
        return taking.batch.advance(works)

    @staticmethod
    def _take_loose(taking: _Taking[C, S, E], record: Received) -> None:
        taking.outcomes["received"] += 1
        if record.place in taking.known_places:
            taking.outcomes["duplicate"] += 1
            return
        taking.known_places.add(record.place)
        taking.loose.append(record)
        taking.outcomes["parked"] += 1

    def _check_our_code(self, taking: _Taking[C, S, E]) -> None:
        failing = {
            each.stream_key
            for each in taking.waiting.values()
            if each.reason == "error" and each.stored_id is None
        }
        if len(failing) >= STREAMS_FAILING_MAX and not taking.outcomes["applied"]:
            detail = next(each.detail for each in taking.waiting.values() if each.reason == "error")
            raise OurCodeFails(detail)

    async def _write(
        self, connection: Connection, taking: _Taking[C, S, E], records: Sequence[Received]
    ) -> None:
        await blocked.delete(connection, taking.removed)
        new = [each for each in taking.waiting.values() if each.stored_id is None]
        changed = [
            each
            for each in taking.waiting.values()
            if each.stored_id and each.reason != each.stored_reason
        ]
        await blocked.insert(connection, self.name, [*new, *changed, *taking.loose])
        await taking.batch.write()
        if taking.moved:
            moved = {stream: taking.marks[stream] for stream in taking.moved}
            await move_marks(connection, self.name, moved)
        if records:
            await store_offsets(connection, self.name, [record.place for record in records])

    async def _park(self, record: Received, error: BaseException) -> None:
        """The record itself makes the database refuse: keep it, parked, in a transaction of its own."""
        _failed(record, error)
        if record.stored_id is not None:
            await blocked.mark_parked(self.unit.pool, record)
            return
        record.unreadable = True  # so that nothing tries it again in this transaction
        record.fact = None
        await self._commit([record], drain=False, replay=False)


def _failed(record: Received, error: BaseException) -> None:
    record.reason, record.detail = "error", f"{type(error).__name__}: {error}"
    log.error(
        "fact_parked",
        topic=record.place[0],
        stream=record.stream,
        sequence=record.sequence,
        error=type(error).__name__,
    )


def _constant(command: C) -> Callable[[object], C]:
    return lambda _: command


def _may_be_loose(record: Received, marks: dict[StreamKey, Mark]) -> bool:
    return record.stream is None or record.sequence == marks.get(record.stream_key, NO_MARK)[0]
