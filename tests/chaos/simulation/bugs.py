"""Bugs to plant: each breaks one promise's keeper, in the product's code or in what stands for PostgreSQL and Kafka.

A bug is a function that takes a `MonkeyPatch`; nothing of it is in the product. To add one: a function, and its line
in `BUGS` with the promise that must break.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.event_sourcing import scheduling
from shared.event_sourcing.store import CancelDue, SetDue
from shared.event_sourcing.transaction import Batch
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.messaging import blocked, relay, subscription
from shared.messaging.blocked import Received
from shared.messaging.marks import NO_MARK, move_marks, store_offsets
from shared.messaging.taking import Taking
from tests.chaos.simulation import (
    house,
    statements,
    statements_of_messaging,
    statements_of_store,
)
from tests.chaos.simulation.actors import SimulatedConsumer
from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Database, Row, Transaction
from tests.chaos.simulation.effects import SimulatedMails
from tests.chaos.simulation.machine import Weather

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]


def _aside(session: Any) -> Session:  # noqa: ANN401 - the product calls it a connection
    """Another connection of the same process: what it does commits by itself, at once."""
    return Session(session.database, session.process, session._find)  # noqa: SLF001 - a bug knows no manners


def mark_not_checked(patch: Patch) -> None:
    """What was taken in is taken in again."""
    take = Taking.take

    def broken(self: Taking[Any, Any, Any], record: Received) -> None:
        mark, _ = self.marks.get(record.stream_key, NO_MARK)
        if record.sequence is not None and record.sequence <= mark:
            self.marks[record.stream_key] = (record.sequence - 1, None)
        take(self, record)

    patch.setattr(Taking, "take", broken)


def mark_moved_outside_the_transaction(patch: Patch) -> None:
    """By another connection, before the events are committed."""

    async def broken(connection: Any, *how: Any) -> None:  # noqa: ANN401 - as the original
        aside: Any = _aside(connection)
        await move_marks(aside, *how)

    patch.setattr(subscription, "move_marks", broken)


def held_records_dropped(patch: Patch) -> None:
    """Only what is parked is kept."""
    insert = blocked.insert

    async def broken(connection: Any, name: str, waiting: Sequence[Received]) -> Any:  # noqa: ANN401 - likewise
        return await insert(connection, name, [each for each in waiting if each.reason])

    patch.setattr(blocked, "insert", broken)


def successors_of_a_parked_record_applied(patch: Patch) -> None:
    """As if the parked one were in."""
    ready = Taking._ready  # noqa: SLF001 - a bug knows no manners

    def broken(self: Taking[Any, Any, Any], stream: tuple[str, str]) -> Received | None:
        mark, fact_id = self.marks.get(stream, NO_MARK)
        head = self.waiting.get((*stream, mark + 1))
        if head is not None and head.reason and (*stream, mark + 2) in self.waiting:
            self.marks[stream] = (mark + 1, fact_id)
        return ready(self, stream)

    patch.setattr(Taking, "_ready", broken)


def offsets_committed_before_the_transaction(patch: Patch) -> None:
    """Stored and committed first, then handled: a crash between loses the batch."""
    commit = SimulatedConsumer._commit  # noqa: SLF001 - likewise

    async def broken(self: SimulatedConsumer) -> None:
        if self._generation != self._group.generation:
            await self._patiently(self._place)
        records = self._fetch()
        if not records:
            await self._wait()
            return
        received = [blocked.receive(record) for record in records]
        session: Any = self._pool.session()
        places = [record.place for record in received]
        await store_offsets(session, self._takes.name, places)
        await commit(self, received)
        await self._patiently(lambda: self._takes.handle(received))

    patch.setattr(SimulatedConsumer, "_round", broken)


def outbox_row_deleted_before_the_ack(patch: Patch) -> None:
    """The rows go first, whatever becomes of the chunk."""
    chunks_of = relay.Relay._chunks  # noqa: SLF001 - likewise

    async def broken(self: relay.Relay, connection: Any, producer: Any, rows: Any) -> Any:  # noqa: ANN401 - as the original
        chunks, dropped = await chunks_of(self, connection, producer, rows)
        gone = [position for chunk in chunks.values() for position in chunk.positions]
        said = [(topic, partition, 0) for topic, partition in chunks]
        await connection.execute(relay._SAID, gone, *map(list, zip(*said, strict=True)))  # noqa: SLF001 - likewise
        return chunks, dropped

    patch.setattr(relay.Relay, "_chunks", broken)


def relays_without_a_leader(patch: Patch) -> None:
    """Everybody leads, and skips the rows that another one has taken: SKIP LOCKED."""
    read, taken = statements_of_messaging.read_outbox, dict[tuple[Database, int], Session]()

    async def broken(
        session: Session, transaction: Transaction, query: str, args: Sequence[Any]
    ) -> list[Row]:
        rows = await read(session, transaction, query, args)
        free = []
        for row in rows:
            holder = taken.get((session.database, row["position"]))
            if holder is None or holder is session or not holder.lives:
                taken[session.database, row["position"]] = session
                free.append(row)
        return free

    async def always(*_: object) -> list[Row]:
        return [{"locked": True}]

    _meaning(patch, "outbox read", broken)
    _meaning(patch, "leader lock", always)


def scheduled_row_deleted_first(patch: Patch) -> None:
    """In a transaction of its own, before the command is decided."""
    begin = Batch.begin

    async def broken(unit: Any, done: Any, *, at_due_instant: bool) -> int:  # noqa: ANN401 - as the original
        token = done[0][0].token
        names = [due.stream_id for due, _ in done], [due.name for due, _ in done]
        rows = await unit.pool.fetch(scheduling._DONE, *names, token)  # noqa: SLF001 - likewise
        held = {(row["stream_id"], row["name"]) for row in rows}
        still = [pair for pair in done if (pair[0].stream_id, pair[0].name) in held]
        async with unit.pool.acquire() as connection, connection.transaction():
            batch: Batch[Any, Any, Any] = Batch(unit, connection)
            await begin(batch)
            await batch.load([work.stream_id for _, work in still])
            for due, work in still:
                await scheduling._decide(  # noqa: SLF001 - likewise
                    batch, due, work, unit.definition.service, at_due_instant=at_due_instant
                )
            changes = await batch.write()
        unit.wakeups.after(changes)
        return len(still)

    patch.setattr(scheduling, "complete", broken)


def lease_not_asked_for_by_the_claim(patch: Patch) -> None:
    """What one worker does another one begins as well."""
    text = scheduling._CLAIM.replace(  # noqa: SLF001 - likewise
        "and (lease_until is null or lease_until < (select datacloud_now()))", ""
    )
    text = text.replace("or earlier.lease_until >= (select datacloud_now())", "")
    patch.setattr(scheduling, "_CLAIM", text)


def lease_not_checked_at_the_end(patch: Patch) -> None:
    """A worker that lost its lease deletes what was set anew."""
    text = scheduling._DONE.replace("entry.lease_token = $3", "$3::uuid is not null")  # noqa: SLF001 - likewise
    patch.setattr(scheduling, "_DONE", text)


def deadline_a_day_early(patch: Patch) -> None:
    """The entry is due a day before the breach instant."""

    def early(due: Callable[..., Iterable[SetDue | CancelDue]]) -> Callable[..., Any]:
        def broken(event: object, state: object) -> Iterable[SetDue | CancelDue]:
            for entry in due(event, state):
                if isinstance(entry, SetDue) and entry.kind == "deadline":
                    yield replace(entry, due_at=entry.due_at - timedelta(days=1))
                else:
                    yield entry

        return broken

    for name in ("intake", "complaints"):
        definition = house.DEFINITIONS[name]
        patch.setitem(house.DEFINITIONS, name, replace(definition, due=early(definition.due)))


def deadline_fires_as_of_now(patch: Patch) -> None:
    """At the time it is noticed, not at its instant."""
    complete = scheduling.complete

    async def broken(unit: Any, done: Any, *, at_due_instant: bool) -> int:  # noqa: ANN401 - as the original
        late = [(replace(due, due_at=unit.pool.database.machine.now()), work) for due, work in done]
        return await complete(unit, late, at_due_instant=at_due_instant)

    patch.setattr(scheduling, "complete", broken)


def version_check_left_out(patch: Patch) -> None:
    """No primary key on the events."""

    async def broken(session: Session, transaction: Transaction, row: Row) -> None:
        row["recorded_at"] = session.machine.now()
        key = (row["stream_id"], row["version"], str(row["event_id"]))
        session.database.put(transaction, "events", key, row)

    patch.setattr(statements_of_store, "_append", broken)


def repeated_key_not_recognised(patch: Patch) -> None:
    """The mark of an idempotent request is never looked for."""
    attempt = UnitOfWork._attempt  # noqa: SLF001 - likewise

    async def broken(self: Any, connection: Any, work: Work[Any], context: Any, at: Any) -> Any:  # noqa: ANN401 - as the original
        return await attempt(self, connection, replace(work, idempotency=None), context, at)

    patch.setattr(UnitOfWork, "_attempt", broken)


def number_taken_outside_the_transaction(patch: Patch) -> None:
    """As a sequence does: what comes to nothing leaves a hole."""
    following = statements_of_store._next  # noqa: SLF001 - likewise

    async def broken(session: Session, transaction: Transaction, *how: Any) -> Row:  # noqa: ANN401 - likewise
        del transaction
        own = session.database.begin()
        row = await following(session, own, *how)
        session.database.commit(own)
        return row

    patch.setattr(statements_of_store, "_next", broken)


def mail_without_its_key(patch: Patch) -> None:
    """Each attempt under a Message-ID of its own."""
    deliver = SimulatedMails._deliver  # noqa: SLF001 - likewise

    async def broken(self: SimulatedMails, _: UUID, subject: str, to: tuple[str, ...]) -> datetime:
        return await deliver(self, uuid4(), subject, to)

    patch.setattr(SimulatedMails, "_deliver", broken)


def partitions_not_locked(patch: Patch) -> None:
    """Two consumers of one partition interleave."""

    async def broken(*_: object) -> list[Row]:
        return []

    _meaning(patch, "partition lock", broken)


def _meaning(patch: Patch, name: str, meaning: Any) -> None:  # noqa: ANN401 - a statement's function
    """Another meaning for the statements of this name."""
    known = statements._KNOWN  # noqa: SLF001 - likewise
    changed = [(words, each, meaning if each == name else does) for words, each, does in known]
    patch.setattr(statements, "_KNOWN", tuple(changed))
    statements.find.cache_clear()


BUGS: Mapping[str, tuple[Bug, str, Weather | None]] = {
    bug.__name__: (bug, promises, weather)
    for bug, promises, weather in (
        (mark_not_checked, "P3", None),
        (mark_moved_outside_the_transaction, "P5", None),
        (held_records_dropped, "P3", None),
        (successors_of_a_parked_record_applied, "P5", None),
        (offsets_committed_before_the_transaction, "P3 P5", None),
        (outbox_row_deleted_before_the_ack, "P2", None),
        (relays_without_a_leader, "P4", Weather(aim=("before publish", 0.0, 0.25), slow=0.05)),
        (scheduled_row_deleted_first, "P7 P8", None),
        (lease_not_asked_for_by_the_claim, "P8 P12", None),
        (
            lease_not_checked_at_the_end,
            "P8",
            Weather(aim=("before done", 0.0, 0.3), clock_jump=1.0),
        ),
        (deadline_a_day_early, "P7", None),
        (deadline_fires_as_of_now, "P7", None),
        (version_check_left_out, "P6", None),
        (repeated_key_not_recognised, "P1", None),
        (number_taken_outside_the_transaction, "P1", None),
        (mail_without_its_key, "P8", None),
        (partitions_not_locked, "P3 P5", None),
    )
}
"""With the promise that breaks, and the weather in which it does, where the seed's own would take too long."""
