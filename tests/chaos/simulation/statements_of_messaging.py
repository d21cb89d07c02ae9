"""What the statements of shared/messaging/{marks,relay,placing}.py do to the tables."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Row, Transaction

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
