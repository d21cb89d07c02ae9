"""What a person does about a record that waits: try it again, or take it out for good.

Promises P3 (released twice is applied once) and P5 (nothing vanishes: what is discarded is kept, with who and why).
Both take the lock of the record's partition, as the running service does: they may be used beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from shared.event_sourcing.database import Connection
from shared.event_sourcing.outcomes import Refused
from shared.messaging import blocked
from shared.messaging.blocked import Received
from shared.messaging.marks import NO_MARK, load_marks, lock_partitions, move_marks
from shared.messaging.subscription import Subscription

AnySubscription = Subscription[Any, Any, Any]

_DISCARD = """
with gone as (delete from blocked where subscription = $1 and id = $2 returning *)
insert into discarded (subscription, topic, partition, "offset", stream, sequence, fact_id, reason, detail, key,
    value, headers, since, discarded_by, why)
select subscription, topic, partition, "offset", stream, sequence, fact_id, reason, detail, key,
    value, headers, since, $3, $4 from gone
"""


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it: taken in, with `successors` that were held behind it; or it waits on, and why.

    `would_be_tried` is the answer of a dry run: nobody can say whether it would be taken in.
    """

    row_id: int
    outcome: Literal["taken_in", "would_be_tried", "gone_before", "held", "parked"]
    reason: str | None = None
    successors: int = 0


async def release(subscription: AnySubscription, row_id: int, *, dry_run: bool = False) -> Released:
    """Try the record again as if it had just come; what is held behind it follows in order.

    Raises Refused: `not_of_a_stream`, or `not_heard` when the service takes its subscription in no more.
    """
    before = await _waiting(subscription, row_id)
    if before is None:
        return Released(row_id, "gone_before")
    name, record = before
    if not _is_of_a_stream(record):
        raise Refused("not_of_a_stream")
    if name != subscription.name:
        raise Refused("not_heard", subscription=name)
    if dry_run:
        return await _would_release(subscription, row_id, record)
    held = await _held(subscription, record)
    await subscription.replay(record)
    after = await _waiting(subscription, row_id)
    if after is None:
        return Released(row_id, "taken_in", None, held - await _held(subscription, record))
    _, record = after
    return Released(row_id, "parked" if record.reason else "held", record.reason)


async def discard(
    subscription: AnySubscription, row_id: int, *, by: str, why: str, dry_run: bool = False
) -> int:
    """Take the record out; its stream goes on behind it. Answers how many held successors followed, or would at once.

    A loose one may be of any subscription of the service, as of its copies of personal records.
    Raises Refused: `not_waiting`, or `behind_another` when an earlier number of its stream is missing or waits.
    """
    pool = subscription.unit.pool
    async with pool.acquire() as connection, connection.transaction():
        name, record = await _locked(connection, row_id)
        in_stream = _is_of_a_stream(record)
        if in_stream:
            await _check_is_next(connection, name, record)
        if dry_run:
            return _ready_behind(await _stream_of(connection, name, record), record.sequence or 0)
        if in_stream:
            step = {record.stream_key: (record.sequence or 0, record.fact_id)}
            await move_marks(connection, name, step)
        await connection.execute(_DISCARD, name, row_id, by, why)
    if not in_stream or name != subscription.name:
        return 0
    held = await _held(subscription, record)
    await subscription.sweep()
    return held - await _held(subscription, record)


async def skip(  # noqa: PLR0913 - which stream, who and why
    subscription: AnySubscription,
    topic: str,
    stream: str,
    *,
    by: str,
    why: str,
    dry_run: bool = False,
) -> int:
    """Give up a number that never came, so that those held behind it follow; answers how many did, or would at once.

    Raises Refused: `nothing_held` when no record of the stream waits for it, `nothing_missing` when all have come.
    """
    pool = subscription.unit.pool
    async with pool.acquire() as connection, connection.transaction():
        held = await blocked.of_streams(connection, subscription.name, [(topic, stream)])
        if not held:
            raise Refused("nothing_held")
        await lock_partitions(connection, subscription.name, [held[0].place[:2]])
        mark = await _mark(connection, subscription.name, held[0])
        if held[0].sequence == mark + 1:
            raise Refused("nothing_missing")
        if dry_run:
            return _ready_behind(held, mark + 1)
        await connection.execute(
            """insert into discarded (subscription, topic, partition, "offset", stream, sequence, reason, detail,
                headers, since, discarded_by, why)
            values ($1, $2, $3, -1, $4, $5, 'never_came', '', '',
                clock_timestamp(), $6, $7)""",
            subscription.name, topic, held[0].place[1], stream, mark + 1, by, why,
        )  # fmt: skip
        await move_marks(connection, subscription.name, {(topic, stream): (mark + 1, None)})
    before = await _held(subscription, held[0])
    await subscription.sweep()
    return before - await _held(subscription, held[0])


def _is_of_a_stream(record: Received) -> bool:
    return record.stream is not None and record.stored_reason != "conflict"


async def _would_release(subscription: AnySubscription, row_id: int, record: Received) -> Released:
    async with subscription.unit.pool.acquire() as connection:
        mark = await _mark(connection, subscription.name, record)
        waiting = await _stream_of(connection, subscription.name, record)
    if record.unreadable:
        return Released(row_id, "parked", record.reason)
    if record.sequence != mark + 1:
        return Released(row_id, "held")
    successors = _ready_behind(waiting, record.sequence)
    return Released(row_id, "would_be_tried", record.stored_reason, successors)


async def _locked(connection: Connection, row_id: int) -> tuple[str, Received]:
    """The record and its subscription, for this transaction alone."""
    name, record = await _found(connection, row_id)
    await lock_partitions(connection, name, [record.place[:2]])
    return await _found(connection, row_id)


async def _found(connection: Connection, row_id: int) -> tuple[str, Received]:
    found = (await blocked.by_ids(connection, [row_id])).get(row_id)
    if found is None:
        raise Refused("not_waiting")
    return found


async def _check_is_next(connection: Connection, name: str, record: Received) -> None:
    mark = await _mark(connection, name, record)
    if record.sequence != mark + 1:
        raise Refused("behind_another", next=str(mark + 1))


async def _mark(connection: Connection, name: str, record: Received) -> int:
    marks = await load_marks(connection, name, [record.stream_key])
    return marks.get(record.stream_key, NO_MARK)[0]


async def _stream_of(connection: Connection, name: str, record: Received) -> list[Received]:
    return await blocked.of_streams(connection, name, [record.stream_key])


def _ready_behind(waiting: Sequence[Received], sequence: int) -> int:
    """How many stand right behind this number without a gap, and nothing wrong with them as far as is known."""
    held = {record.sequence for record in waiting if record.stored_reason is None}
    return next(number for number in count() if sequence + 1 + number not in held)


async def _waiting(subscription: AnySubscription, row_id: int) -> tuple[str, Received] | None:
    async with subscription.unit.pool.acquire() as connection:
        return (await blocked.by_ids(connection, [row_id])).get(row_id)


async def _held(subscription: AnySubscription, record: Received) -> int:
    async with subscription.unit.pool.acquire() as connection:
        waiting = await _stream_of(connection, subscription.name, record)
    return sum(each.stored_reason is None for each in waiting)
