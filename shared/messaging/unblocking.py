"""What a person does about a record that waits: try it again, or take it out for good.

Promises P3 (released twice is applied once) and P5 (nothing vanishes: what is discarded is kept, with who and why).
Both take the lock of the record's partition, as the running service does: they may be used beside it.
"""

from dataclasses import dataclass
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
    """What came of it: taken in, with `successors` that were held behind it; or it waits on, and why."""

    row_id: int
    outcome: Literal["taken_in", "gone_before", "held", "parked"]
    reason: str | None = None
    successors: int = 0


async def release(subscription: AnySubscription, row_id: int) -> Released:
    """Try the record again as if it had just come; what is held behind it follows in order."""
    before = await _waiting(subscription, row_id)
    if before is None:
        return Released(row_id, "gone_before")
    if before.stream is None or before.stored_reason == "conflict":
        raise Refused("not_of_a_stream")
    held = await _held(subscription, before)
    await subscription.replay(before)
    after = await _waiting(subscription, row_id)
    if after is None:
        return Released(row_id, "taken_in", None, held - await _held(subscription, before))
    return Released(row_id, "parked" if after.reason else "held", after.reason)


async def discard(subscription: AnySubscription, row_id: int, *, by: str, why: str) -> int:
    """Take the record out; its stream goes on behind it. Answers how many held successors followed.

    Raises Refused: `not_waiting`, or `behind_another` when an earlier number of its stream is missing or waits.
    """
    pool = subscription.unit.pool
    async with pool.acquire() as connection, connection.transaction():
        record = await blocked.find(connection, subscription.name, row_id)
        if record is None:
            raise Refused("not_waiting")
        await lock_partitions(connection, subscription.name, [record.place[:2]])
        if record.stream is not None and record.stored_reason != "conflict":
            await _step_over(connection, subscription.name, record)
        done = await connection.execute(_DISCARD, subscription.name, row_id, by, why)
        if done != "INSERT 0 1":
            raise Refused("not_waiting")
    held = await _held(subscription, record)
    await subscription.sweep()
    return held - await _held(subscription, record)


async def skip(subscription: AnySubscription, topic: str, stream: str, *, by: str, why: str) -> int:
    """Give up a number that never came, so that those held behind it follow; answers how many did.

    Raises Refused: `nothing_held` when no record of the stream waits for it.
    """
    pool = subscription.unit.pool
    async with pool.acquire() as connection, connection.transaction():
        held = await blocked.of_streams(connection, subscription.name, [(topic, stream)])
        if not held:
            raise Refused("nothing_held")
        await lock_partitions(connection, subscription.name, [held[0].place[:2]])
        mark, _ = (await load_marks(connection, subscription.name, [(topic, stream)])).get(
            (topic, stream), NO_MARK
        )
        if held[0].sequence == mark + 1:
            raise Refused("nothing_missing")
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


async def _step_over(connection: Connection, name: str, record: Received) -> None:
    marks = await load_marks(connection, name, [record.stream_key])
    mark, _ = marks.get(record.stream_key, NO_MARK)
    if record.sequence != mark + 1:
        raise Refused("behind_another", next=str(mark + 1))
    await move_marks(connection, name, {record.stream_key: (mark + 1, record.fact_id)})


async def _waiting(subscription: AnySubscription, row_id: int) -> Received | None:
    async with subscription.unit.pool.acquire() as connection:
        return await blocked.find(connection, subscription.name, row_id)


async def _held(subscription: AnySubscription, record: Received) -> int:
    async with subscription.unit.pool.acquire() as connection:
        waiting = await blocked.of_streams(connection, subscription.name, [record.stream_key])
    return sum(each.stored_reason is None for each in waiting)
