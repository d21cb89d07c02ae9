"""What the statements of shared/messaging/{blocked,copied_back}.py do: records that wait, by place and by number."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Row, Transaction
from tests.chaos.simulation.statements_of_store import taken

Args = Sequence[Any]


async def blocked_of_streams(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """What these streams have waiting, but for conflicts, in order."""
    del query
    subscription, topics, streams = args
    wanted = set(zip(topics, streams, strict=True))
    rows = [
        row
        for _, row in session.database.scan(transaction, "blocked")
        if row["subscription"] == subscription
        and (row["topic"], row["stream"]) in wanted
        and row["reason"] != "conflict"
    ]
    return sorted(rows, key=lambda row: row["sequence"])


async def stored_places(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Which of these have a row."""
    del query
    subscription, *columns = args
    found = [
        session.database.get(transaction, "blocked", (subscription, *place))
        for place in zip(*columns, strict=True)
    ]
    return [row for row in found if row is not None]


async def kept_at(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """What waits at these places; nobody discards anything here."""
    return await stored_places(session, transaction, query, args)


async def insert_blocked(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """A row of the same place takes the new reason; two places with one number of a stream are refused."""
    del query
    names = ("stream", "sequence", "fact_id", "reason", "detail", "key", "value", "headers")
    subscription, topics, partitions, offsets, *columns = args
    written = []
    for place, said_of in zip(
        zip(topics, partitions, offsets, strict=True), zip(*columns, strict=True), strict=True
    ):
        key = (subscription, *place)
        await session.database.lock(transaction, ("blocked", *key))
        row: Row = dict(zip(names, said_of, strict=True))
        known = session.database.get(transaction, "blocked", key)
        if known is not None:
            row = {**known, "reason": row["reason"], "detail": row["detail"]}
        else:
            row |= {"subscription": subscription, "id": session.database.identity()}
            row |= {"topic": place[0], "partition": place[1], "offset": place[2]}
        await _only_one(session, transaction, row)
        session.database.put(transaction, "blocked", key, row)
        written.append(row)
    return written


async def mirror(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Pointers to blocked rows, for the relay."""
    del query
    for topic, ref in zip(*args, strict=True):
        position = session.database.identity()
        row: Row = {"topic": topic, "key": "", "source": "blocked", "ref": ref}
        session.database.put(transaction, "outbox", (position,), {**row, "position": position})
    return []


async def blocked_by_ids(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Of any subscription."""
    del query
    rows = session.database.scan(transaction, "blocked")
    return [row for _, row in rows if row["id"] in args[0]]


async def _only_one(session: Session, transaction: Transaction, row: Row) -> None:
    """The unique index `blocked_in_stream`."""
    if row["stream"] is None or row["reason"] == "conflict":
        return
    number = (row["subscription"], row["topic"], row["stream"], row["sequence"])
    await session.database.lock(transaction, ("blocked_in_stream", *number))
    for _, other in session.database.scan(transaction, "blocked"):
        same = tuple(other[name] for name in ("subscription", "topic", "stream", "sequence"))
        if same == number and other["id"] != row["id"] and other["reason"] != "conflict":
            raise taken("blocked_in_stream")


async def delete_blocked(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """By id."""
    del query
    for key, row in session.database.scan(transaction, "blocked"):
        if row["id"] in args[0]:
            await session.database.lock(transaction, ("blocked", *key))
            session.database.put(transaction, "blocked", key, None)
    return []


async def mark_parked(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """A held record turned out to be bad."""
    del query
    row_id, reason, detail = args
    for key, row in session.database.scan(transaction, "blocked"):
        if row["id"] == row_id:
            await session.database.lock(transaction, ("blocked", *key))
            session.database.put(transaction, "blocked", key, {**row, "reason": reason, "detail": detail})  # fmt: skip
    return []


async def blocked_heads(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Held rows whose predecessor is in."""
    del query
    found = []
    for _, row in session.database.scan(transaction, "blocked"):
        mark = session.database.get(transaction, "marks", (args[0], row["topic"], row["stream"]))
        mine = row["subscription"] == args[0] and row["reason"] is None
        if mine and mark is not None and row["sequence"] == mark["sequence"] + 1:
            found.append(row)
    return found
