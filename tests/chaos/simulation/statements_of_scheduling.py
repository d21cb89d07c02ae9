"""What the statements of shared/event_sourcing/scheduling.py and due.py do: claim, done, again, not now, give back.

Conditions are looked for in the text itself, so that a text without its lease check has none here either.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Row, Transaction

Args = Sequence[Any]


async def claim(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Lease what is due and nobody's, earliest first; one of a stream and kind at a time; locked rows are skipped."""
    kind, limit, token, seconds = args
    now, database = session.machine.now(), session.database
    rows = {key: row for key, row in database.scan(transaction, "scheduled") if row["kind"] == kind}
    checks_lease, one_at_a_time = "lease_until is null or" in query, "and not exists" in query
    due = []
    for key, row in rows.items():
        if row["due_at"] > now or database.locked(transaction, ("scheduled", *key)):
            continue
        if checks_lease and row["lease_until"] is not None and row["lease_until"] >= now:
            continue
        if one_at_a_time and any(_before(other, row, now) for other in rows.values()):
            continue
        due.append(key)
    due.sort(key=lambda key: rows[key]["due_at"])
    claimed = []
    for key in due[:limit]:
        until = now + timedelta(seconds=seconds)
        row = {**rows[key], "lease_token": token, "lease_until": until}
        await database.lock(transaction, ("scheduled", *key))
        database.put(transaction, "scheduled", key, row)
        claimed.append({**row, "claimed_at": now})
    return claimed


def _before(other: Row, row: Row, now: Any) -> bool:  # noqa: ANN401 - a datetime
    """Whether other work of the same stream comes first, or is being done."""
    if other["stream_id"] != row["stream_id"] or other["name"] == row["name"]:
        return False
    earlier = (other["due_at"], other["name"]) < (row["due_at"], row["name"])
    return earlier or (other["lease_until"] is not None and other["lease_until"] >= now)


async def done(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Delete what is still held under the token; answers which that was."""
    streams, names, *token = args
    held = []
    for key in zip(streams, names, strict=True):
        row = await _mine(session, transaction, key, token[0] if "lease_token" in query else None)
        if row is not None:
            session.database.put(transaction, "scheduled", key, None)
            held.append({"stream_id": key[0], "name": key[1]})
    return held


async def again(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Due later; nobody's."""
    stream_id, name, token, seconds = args
    key = (stream_id, name)
    row = await _mine(session, transaction, key, token if "lease_token = $3" in query else None)
    if row is not None:
        later = session.machine.now() + timedelta(seconds=seconds)
        free = {"attempts": row["attempts"] + 1, "lease_token": None, "lease_until": None}
        session.database.put(transaction, "scheduled", key, {**row, **free, "due_at": later})
    return []


async def not_now(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Due as before; nobody's for a while."""
    stream_id, name, token, seconds = args
    key = (stream_id, name)
    row = await _mine(session, transaction, key, token if "lease_token = $3" in query else None)
    if row is not None:
        until = session.machine.now() + timedelta(seconds=seconds)
        kept = {"attempts": row["attempts"] + 1, "lease_token": None, "lease_until": until}
        session.database.put(transaction, "scheduled", key, {**row, **kept})
    return []


async def give_back(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Due as before; nobody's, if it is still held under the token."""
    streams, names, token = args
    for key in zip(streams, names, strict=True):
        row = await _mine(session, transaction, key, token if "lease_token = $3" in query else None)
        if row is not None:
            free = {"lease_token": None, "lease_until": None}
            session.database.put(transaction, "scheduled", key, {**row, **free})
    return []


async def _mine(
    session: Session, transaction: Transaction, key: tuple[str, str], token: object
) -> Row | None:
    """The row, locked, if it is there under this token (or under any, if the statement does not ask)."""
    if session.database.get(transaction, "scheduled", key) is None:
        return None
    await session.database.lock(transaction, ("scheduled", *key))
    row = session.database.get(transaction, "scheduled", key)
    if row is None or (token is not None and row["lease_token"] != token):
        return None
    return row
