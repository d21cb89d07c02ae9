"""What the statements of shared/people and of the effects do: copies of persons and texts, and the clock."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Row, Transaction

Args = Sequence[Any]


async def copy_persons(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Last wins."""
    del query
    for person_id, data in zip(*args, strict=True):
        await _put(session, transaction, "persons", person_id, {"data": data})
    return []


async def copy_texts(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Last wins."""
    del query
    for text_id, person_id, body in zip(*args, strict=True):
        await _put(session, transaction, "texts", text_id, {"person_id": person_id, "body": body})
    return []


async def delete_persons(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Tombstones."""
    del query
    for person_id in args[0]:
        await _put(session, transaction, "persons", person_id, None)
    return []


async def delete_texts(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Tombstones."""
    del query
    for text_id in args[0]:
        await _put(session, transaction, "texts", text_id, None)
    return []


async def _put(
    session: Session, transaction: Transaction, table: str, name: object, row: Row | None
) -> None:
    key = (str(name),)
    await session.database.lock(transaction, (table, *key))
    session.database.put(transaction, table, key, row)


async def find_person(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Its data."""
    del query
    row = session.database.get(transaction, "persons", (str(args[0]),))
    return [{"data": row["data"]}] if row else []


async def find_text(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Its body."""
    del query
    row = session.database.get(transaction, "texts", (str(args[0]),))
    return [{"body": row["body"]}] if row else []


async def find_letter(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Its bytes."""
    del query
    row = session.database.get(transaction, "letters", (str(args[0]),))
    return [{"bytes": row["bytes"]}] if row else []


async def is_forgotten(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Nobody forgets anybody here yet."""
    del session, transaction, query, args
    return []


async def clock(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """The one clock."""
    del transaction, query, args
    return [{"now": session.machine.now()}]
