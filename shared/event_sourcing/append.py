"""`save()`: all `Changes` of a transaction in one statement and one round trip.

Two builders, because round trips cost most and arrays next: a text specialised to the few rows of a single
command, and arrays for a batch. The primary key (stream_id, version) is the check of the expected version.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from shared.event_sourcing.database import Connection
from shared.event_sourcing.store import Changes, DueRow, EventRow, Pointer, Upsert

SINGLE_ROWS_MAX = 12
SHAPES_KEPT_MAX = 512

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One data-modifying CTE but for its rows; there is one object of each, so that a shape is known by identity.

    Without `types` its arrays are told as JSON, typed by the table.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    conflict: str = ""
    deletes: bool = False


_EVENTS = _Part(
    "events", EventRow._fields,
    ("text", "integer", "uuid", "text", "bytea", "bytea", "integer", "text", "bytea", "bytea"),
)  # fmt: skip
_OUTBOX = _Part("outbox", Pointer._fields, ("text", "text", "text", "bigint"))
_DUE = _Part(
    "scheduled",
    DueRow._fields,
    ("text", "text", "text", "timestamptz", "bytea", "bytea"),
    " on conflict (stream_id, name) do update set kind = excluded.kind, due_at = excluded.due_at,"
    " payload = excluded.payload, metadata = excluded.metadata, attempts = 0, lease_token = null, lease_until = null",
)
_CANCELLED = _Part("scheduled", ("stream_id", "name"), ("text", "text"), deletes=True)
_FREED = _Part("reserved", ("name", "stream_id"), ("text", "text"), deletes=True)
_TAKEN = _Part("reserved", ("name", "stream_id"), ("text", "text"))


async def save(connection: Connection, changes: Changes) -> None:
    """Write everything or nothing.

    Raises UniqueViolationError on `events_pkey` when somebody was faster, on `reserved_pkey` when a name is taken.
    """
    if changes:
        text, args = build(changes)
        await connection.execute(text, *args)


def build(changes: Changes) -> tuple[str, list[Any]]:
    """The statement and its parameters."""
    parts = _parts(changes)
    if sum(len(rows) for _, rows in parts) <= SINGLE_ROWS_MAX:
        shape = tuple((part, len(rows)) for part, rows in parts)
        return _for_few(shape), [value for _, rows in parts for row in rows for value in row]
    args = [arg for part, rows in parts for arg in _arrays(part, rows)]
    return _for_many(tuple(part for part, _ in parts)), args


def _parts(changes: Changes) -> list[tuple[_Part, Sequence[Row]]]:
    """By table; events in order of their key, so that two appends to the same streams do not wait for each other."""
    parts: list[tuple[_Part, Sequence[Row]]] = []
    if changes.reserved:
        parts.append((_FREED, [key for key, taken in changes.reserved.items() if not taken]))
        parts.append((_TAKEN, [key for key, taken in changes.reserved.items() if taken]))
    parts += [(_EVENTS, sorted(changes.events)), (_OUTBOX, changes.outbox)]
    if changes.rows:
        parts += _view_rows(changes)
    if changes.due:
        parts.append((_DUE, [row for row in changes.due.values() if row is not None]))
        parts.append((_CANCELLED, [key for key, row in changes.due.items() if row is None]))
    return [(part, rows) for part, rows in parts if rows]


def _view_rows(changes: Changes) -> list[tuple[_Part, Sequence[Row]]]:
    groups: dict[_Part, list[Row]] = defaultdict(list)
    for row in changes.rows.values():
        if isinstance(row, Upsert):
            part = _upsert(row.table, tuple(row.key), tuple(row.values))
            groups[part].append((*row.key.values(), *row.values.values()))
        else:
            groups[_delete(row.table, tuple(row.key))].append(tuple(row.key.values()))
    return list(groups.items())


@lru_cache(SHAPES_KEPT_MAX)
def _upsert(table: str, keys: tuple[str, ...], values: tuple[str, ...]) -> _Part:
    replaced = ", ".join(f"{name} = excluded.{name}" for name in values)
    action = f"do update set {replaced}" if replaced else "do nothing"
    conflict = f" on conflict ({', '.join(keys)}) {action}"
    return _Part(table, keys + values, conflict=conflict)


@lru_cache(SHAPES_KEPT_MAX)
def _delete(table: str, keys: tuple[str, ...]) -> _Part:
    return _Part(table, keys, deletes=True)


@lru_cache(SHAPES_KEPT_MAX)
def _for_few(shape: tuple[tuple[_Part, int], ...]) -> str:
    """Every value is a parameter of its own, typed by its column."""
    texts, number = [], 0
    for part, count in shape:
        rows = []
        for _ in range(count):
            rows.append([f"${number + place}" for place in range(1, len(part.columns) + 1)])
            number += len(part.columns)
        texts.append(_deleting(part, rows) if part.deletes else _inserting(part, rows))
    return _one_statement(texts)


def _inserting(part: _Part, rows: list[list[str]]) -> str:
    values = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"insert into {part.table} ({', '.join(part.columns)}) values {values}{part.conflict}"  # noqa: S608 - names from our own code


def _deleting(part: _Part, rows: list[list[str]]) -> str:
    names = [
        " and ".join(f"{name} = {arg}" for name, arg in zip(part.columns, row, strict=True))
        for row in rows
    ]
    return f"delete from {part.table} where {' or '.join(names)}"  # noqa: S608 - likewise


@lru_cache(SHAPES_KEPT_MAX)
def _for_many(parts: tuple[_Part, ...]) -> str:
    """One array per column, or one document per table."""
    texts, number = [], 0
    for part in parts:
        columns = ", ".join(part.columns)
        if part.types:
            arrays = [f"${number + place}::{kind}[]" for place, kind in enumerate(part.types, 1)]
            source = f"select * from unnest({', '.join(arrays)})"  # noqa: S608 - numbered parameters alone
        else:
            source = (
                f"select {columns} from json_populate_recordset(null::{part.table}, ${number + 1})"  # noqa: S608 - names from our own code
            )
        number += len(part.types) or 1
        if part.deletes:
            texts.append(f"delete from {part.table} where ({columns}) in ({source})")  # noqa: S608 - likewise
        else:
            texts.append(f"insert into {part.table} ({columns}) {source}{part.conflict}")
    return _one_statement(texts)


def _arrays(part: _Part, rows: Sequence[Row]) -> list[Any]:
    if part.types:
        return [list(column) for column in zip(*rows, strict=True)]
    documents = [dict(zip(part.columns, row, strict=True)) for row in rows]
    return [orjson.dumps(documents, default=_as_hex).decode()]


def _as_hex(value: object) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)


def _one_statement(texts: list[str]) -> str:
    return f"with {', '.join(f'c{place} as ({text})' for place, text in enumerate(texts))} select 1"
