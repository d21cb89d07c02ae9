"""What the statements of shared/event_sourcing/{append,store,unit_of_work,transaction}.py do to the tables."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from tests.chaos.simulation.connection import Session
from tests.chaos.simulation.database import Key, Row, Transaction

Args = Sequence[Any]


class Part(NamedTuple):
    """One data-modifying CTE of an append: `keys` are its conflict columns, or those its deletion names."""

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    source: str
    rows: int = 0
    replaced: str = ""
    deletes: bool = False


_CTE = re.compile(r"c\d+ as \((.*?)\)(?=, c\d+ as \(|\s+select 1$)", re.DOTALL)
_INSERT = re.compile(r"insert into (\w+) \(([^)]*)\) (values|select) (.*)", re.DOTALL)
_CONFLICT = re.compile(r" on conflict \(([^)]*)\) (.*)$", re.DOTALL)
_DELETE_MANY = re.compile(r"delete from (\w+) where \(([^)]*)\) in")
_DELETE_FEW = re.compile(r"delete from (\w+) where (.*)", re.DOTALL)


@lru_cache(maxsize=2048)
def parts_of(query: str) -> tuple[Part, ...]:
    """How an append's text is to be read."""
    return tuple(_part(text) for text in _CTE.findall(query))


def _part(text: str) -> Part:
    source = next((each for each in ("json_populate", "unnest") if each in text), "values")
    if found := _DELETE_MANY.match(text):
        columns = _names(found[2])
        return Part(found[1], columns, columns, source, deletes=True)
    if found := _DELETE_FEW.match(text):
        first, *others = found[2].split(" or ")
        columns = tuple(re.findall(r"(\w+) = \$", first))
        return Part(found[1], columns, columns, source, 1 + len(others), deletes=True)
    inserted, conflict = _INSERT.match(text), _CONFLICT.search(text)
    assert inserted, text
    rows = inserted[4].partition(" on conflict")[0].count("(")
    keys, replaced = (_names(conflict[1]), conflict[2]) if conflict else ((), "")
    return Part(inserted[1], _names(inserted[2]), keys, source, rows, replaced)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _rows_of(parts: Sequence[Part], args: Args) -> Iterator[tuple[Part, list[Row]]]:
    place = 0
    for part in parts:
        width = len(part.columns)
        if part.source == "json_populate":
            documents = orjson.loads(args[place])
            rows = [{name: _plain(value) for name, value in row.items()} for row in documents]
            place += 1
        elif part.source == "unnest":
            arrays = args[place : place + width]
            rows = [dict(zip(part.columns, row, strict=True)) for row in zip(*arrays, strict=True)]
            place += width
        else:
            rows = [
                dict(zip(part.columns, args[at : at + width], strict=True))
                for at in range(place, place + part.rows * width, width)
            ]
            place += part.rows * width
        yield part, rows


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Bytes travel as PostgreSQL writes them in JSON."""
    if isinstance(value, str) and value.startswith("\\x"):
        return bytes.fromhex(value[2:])
    return value


def key_of(names: Sequence[str], row: Row) -> Key:
    """Keys compare as text: a UUID told as JSON is the same key."""
    return tuple(str(row[name]) for name in names)


async def save(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """Everything of one append, in the order of its text."""
    for part, rows in _rows_of(parts_of(query), args):
        for row in rows:
            if part.table == "events":
                await _append(session, transaction, row)
            elif part.table == "outbox":
                row["position"] = session.database.identity()
                session.database.put(transaction, "outbox", (row["position"],), row)
            elif part.table == "reserved":
                await _reserve(session, transaction, part, row)
            else:
                await _write(session, transaction, part, row)
    return []


async def _append(session: Session, transaction: Transaction, row: Row) -> None:
    """The key (stream_id, version) is the check of the expected version."""
    database, key = session.database, (row["stream_id"], row["version"])
    await database.lock(transaction, ("events", *key))
    committed = database.events.get(row["stream_id"], ())
    if row["version"] <= len(committed) or key in transaction.rows.get("events", {}):
        raise taken("events_pkey")
    row["recorded_at"] = session.machine.now()
    database.put(transaction, "events", key, row)


async def _reserve(session: Session, transaction: Transaction, part: Part, row: Row) -> None:
    database, key = session.database, (row["name"],)
    await database.lock(transaction, ("reserved", *key))
    held = database.get(transaction, "reserved", key)
    if not part.deletes:
        if held is not None:
            raise taken("reserved_pkey")
        database.put(transaction, "reserved", key, row)
    elif held is not None and held["stream_id"] == row["stream_id"]:
        database.put(transaction, "reserved", key, None)


async def _write(session: Session, transaction: Transaction, part: Part, row: Row) -> None:
    database, key = session.database, key_of(part.keys, row)
    await database.lock(transaction, (part.table, *key))
    known = database.get(transaction, part.table, key)
    if part.deletes:
        database.put(transaction, part.table, key, None)
    elif part.table == "scheduled":
        lease: Row = {"attempts": 0, "lease_token": None, "lease_until": None}
        if known is not None and "lease_token = null" not in part.replaced:
            lease = {name: known[name] for name in lease}
        database.put(transaction, "scheduled", key, {**row, **lease})
    elif known is None or part.replaced != "do nothing":
        database.put(transaction, part.table, key, {**(known or {}), **row})


def taken(constraint: str) -> asyncpg.UniqueViolationError:
    """As asyncpg tells it."""
    error = asyncpg.UniqueViolationError("duplicate key value violates unique constraint")
    error.constraint_name = constraint
    return error


async def load_one(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """The time, the calendar and the number asked for, beside each event of the stream."""
    stream_id, at = args[0], args[1]
    given: Row = {"now": at or session.machine.now(), "calendar": 1, "number": None, "year": None}
    if "insert into numbers" in query:
        number = await _next(session, transaction, args[2], given["now"], args[3])
        given |= {"number": number["last"], "year": number["year"]}
    rows = session.database.stream(transaction, stream_id)
    nothing: Row = {"version": None}
    return [given | row for row in rows] or [given | nothing]


async def begin(session: Session, transaction: Transaction, query: str, args: Args) -> list[Row]:
    """The database's time."""
    del transaction, query, args
    return [{"now": session.machine.now(), "calendar": 1}]


async def load_streams(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """As the store folds them: without metadata."""
    del query
    names = ("stream_id", "version", "type", "body", "published", "hash")
    return [
        {name: row[name] for name in names}
        for stream_id in sorted(args[0])
        for row in session.database.stream(transaction, stream_id)
    ]


async def take_number(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """Its row stays locked until the transaction ends: the register is gapless."""
    del query
    return [await _next(session, transaction, args[0], args[1], args[2])]


async def give_number_back(
    session: Session, transaction: Transaction, query: str, args: Args
) -> list[Row]:
    """The row is locked already."""
    del query
    key = (args[0], str(args[1]))
    await session.database.lock(transaction, ("numbers", *key))
    row = session.database.get(transaction, "numbers", key)
    if row is not None:
        lower = {**row, "last": row["last"] - 1}
        session.database.put(transaction, "numbers", key, lower)
    return []


async def _next(
    session: Session,
    transaction: Transaction,
    series: str,
    at: Any,  # noqa: ANN401 - a datetime, as asyncpg passes it
    zone: str,
) -> Row:
    year = at.astimezone(ZoneInfo(zone)).year
    key = (series, str(year))
    await session.database.lock(transaction, ("numbers", *key))
    row = session.database.get(transaction, "numbers", key)
    following: Row = {"series": series, "year": year, "last": (row["last"] if row else 0) + 1}
    session.database.put(transaction, "numbers", key, following)
    return following
