"""What the statements of shared/messaging/{marks,blocked,relay,placing}.py do to the tables."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Row, Transaction
from tests.chaos.simulation.statements_of_store import taken

Args = Sequence[Any]


async def lock_partitions(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Held until the transaction ends."""
    del query
    for key in args[0]:
        await session.database.lock(transaction, ("advisory", key))
    return []


async def try_leader_lock(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Held by the session, as long as the server keeps that."""
    del transaction, query, args
    leader = session.database.leader
    if leader is None or leader is session or not (isinstance(leader, Session) and leader.lives):
        session.database.leader = session
        return [{"locked": True}]
    return [{"locked": False}]


async def load_marks(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Of these streams."""
    del query
    subscription, topics, streams = args
    wanted = [(subscription, *pair) for pair in zip(topics, streams, strict=True)]
    found = [session.database.get(transaction, "marks", key) for key in wanted]
    return [row for row in found if row is not None]


async def move_marks(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Put."""
    del query
    subscription, *columns = args
    for topic, stream, sequence, fact_id in zip(*columns, strict=True):
        key = (subscription, topic, stream)
        await session.database.lock(transaction, ("marks", *key))
        row: Row = {"topic": topic, "stream": stream, "sequence": sequence, "fact_id": fact_id}
        session.database.put(transaction, "marks", key, row)
    return []


async def store_offsets(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """They only grow, where the text says so."""
    only_grow = "greatest" in query
    subscription, *columns = args
    for topic, partition, following in zip(*columns, strict=True):
        key = (subscription, topic, partition)
        await _put_offset(session, transaction, key, following, only_grow=only_grow)
    return []


async def _put_offset(
    session: Session, transaction: Transaction, key: tuple[str, str, int], following: int, *, only_grow: bool
) -> None:  # fmt: skip
    await session.database.lock(transaction, ("offsets", *key))
    known = session.database.get(transaction, "offsets", key)
    if known is not None and only_grow:
        following = max(following, known["next"])
    row: Row = {"topic": key[1], "partition": key[2], "next": following}
    session.database.put(transaction, "offsets", key, row)


async def read_offsets(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Of one subscription."""
    del query
    rows = session.database.scan(transaction, "offsets")
    return [row for key, row in rows if key[0] == args[0]]


async def read_outbox(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """The first rows but for those that travel, with what they point at."""
    del query
    limit, travelling, last = args
    waiting = sorted(session.database.scan(transaction, "outbox"))
    chosen = [
        row for _, row in waiting if row["position"] > last or row["position"] not in travelling
    ]
    return [row | _pointed_at(session, transaction, row) for row in chosen[:limit]]


def _pointed_at(session: Session, transaction: Transaction, row: Row) -> Row:
    names = ("event_id", "fact_type", "fact", "published", "metadata")
    said: Row = dict.fromkeys((*names, "person", "text", "text_of"))
    database = session.database
    if row["source"] == "event":
        event = database.stream(transaction, row["key"])[row["ref"] - 1]
        said |= {name: event[name] for name in names}
        said["metadata"] = event["metadata"]
    elif row["source"] == "person":
        person = database.get(transaction, "persons", (row["key"],))
        said["person"] = person["data"] if person else None
    elif row["source"] == "text":
        text = database.get(transaction, "texts", (row["key"],))
        said |= {"text": text["body"], "text_of": text["person_id"]} if text else {}
    return said


async def said(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """The broker has them."""
    del query
    gone, *columns = args
    for position in gone:
        await session.database.lock(transaction, ("outbox", position))
        if session.database.get(transaction, "outbox", (position,)) is not None:
            session.database.put(transaction, "outbox", (position,), None)
    for topic, partition, following in zip(*columns, strict=True):
        key = ("relay", topic, partition)
        await _put_offset(session, transaction, key, following, only_grow=False)
    return []


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


async def find_blocked(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """One, of one subscription."""
    del query
    rows = session.database.scan(transaction, "blocked")
    return [row for _, row in rows if (row["subscription"], row["id"]) == tuple(args)]


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
