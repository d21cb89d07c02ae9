"""`save()`: all `Changes` of a transaction in one statement and one round trip.

Two builders, because round trips cost most and arrays next: a text specialised to the few rows of a single
command, and `unnest` arrays for a batch. The primary key (stream_id, version) is the check of the expected version.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import orjson

from shared.event_sourcing.database import Connection
from shared.event_sourcing.store import Changes, Delete, DueRow, EventRow, Upsert

SINGLE_ROWS_MAX = 12

_EVENT_COLUMNS = ", ".join(column.name for column in fields(EventRow))
_EVENT_TYPES = (
    "text", "integer", "uuid", "text", "bytea", "bytea", "integer", "text", "bytea", "bytea",
)  # fmt: skip
_DUE_COLUMNS = ", ".join(column.name for column in fields(DueRow))
_DUE_TYPES = ("text", "text", "text", "timestamptz", "bytea", "bytea")
_DUE_AGAIN = """ on conflict (stream_id, name) do update set kind = excluded.kind, due_at = excluded.due_at,
payload = excluded.payload, metadata = excluded.metadata, attempts = 0, lease_token = null, lease_until = null"""


class _Statement:
    """Data-modifying CTEs that become one statement; `arg` numbers the parameters."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.args: list[Any] = []

    def arg(self, value: object, cast: str = "") -> str:
        self.args.append(value)
        return f"${len(self.args)}{cast}"

    def values(self, rows: Iterable[Sequence[object]]) -> str:
        return "values " + ", ".join(
            "(" + ", ".join(self.arg(value) for value in row) + ")" for row in rows
        )

    def unnest(self, rows: Sequence[Sequence[object]], types: Sequence[str]) -> str:
        arrays = zip(*rows, strict=True)
        return (
            "select * from unnest("  # noqa: S608 - numbered parameters alone
            + ", ".join(
                self.arg(list(array), f"::{kind}[]")
                for array, kind in zip(arrays, types, strict=True)
            )
            + ")"
        )

    def records(self, table: str, columns: str, rows: Sequence[dict[str, object]]) -> str:
        document = orjson.dumps(rows, default=_as_hex).decode()
        return f"select {columns} from json_populate_recordset(null::{table}, {self.arg(document)})"  # noqa: S608 - names from our own code

    def text(self) -> str:
        ctes = ", ".join(f"c{number} as ({part})" for number, part in enumerate(self.parts))
        return f"with {ctes} select 1"


def _as_hex(value: object) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)


async def save(connection: Connection, changes: Changes) -> None:
    """Write everything or nothing.

    Raises UniqueViolationError on `events_pkey` when somebody was faster, on `reserved_pkey` when a name is taken.
    """
    if changes:
        text, args = build(changes)
        await connection.execute(text, *args)


def build(changes: Changes) -> tuple[str, list[Any]]:
    """The statement and its parameters."""
    count = (
        len(changes.events) + len(changes.outbox) + len(changes.rows)
        + len(changes.due) + len(changes.reserved)
    )  # fmt: skip
    statement = _Statement()
    few = count <= SINGLE_ROWS_MAX
    _reservations(statement, changes)
    _insert(statement, "events", _EVENT_COLUMNS, _EVENT_TYPES, changes.events, few=few)
    pointers = [
        (pointer.topic, pointer.key, pointer.source, pointer.ref) for pointer in changes.outbox
    ]
    outbox_types = ("text", "text", "text", "bigint")
    _insert(statement, "outbox", "topic, key, source, ref", outbox_types, pointers, few=few)
    _view_rows(statement, changes.rows.values(), few=few)
    due = [row for row in changes.due.values() if row is not None]
    _insert(statement, "scheduled", _DUE_COLUMNS, _DUE_TYPES, due, few=few, conflict=_DUE_AGAIN)
    cancelled = [key for key, row in changes.due.items() if row is None]
    if cancelled:
        pairs = statement.unnest(cancelled, ("text", "text"))
        statement.parts.append(f"delete from scheduled where (stream_id, name) in ({pairs})")  # noqa: S608 - numbered parameters alone
    return statement.text(), statement.args


def _insert(  # noqa: PLR0913 - one place that knows how a table of ours is written
    statement: _Statement,
    table: str,
    columns: str,
    types: Sequence[str],
    rows: Sequence[Any],
    *,
    few: bool,
    conflict: str = "",
) -> None:
    if not rows:
        return
    tuples = [row if isinstance(row, tuple) else _fields_of(row) for row in rows]
    source = statement.values(tuples) if few else statement.unnest(tuples, types)
    statement.parts.append(f"insert into {table} ({columns}) {source}{conflict}")


def _fields_of(row: EventRow | DueRow) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in row.__slots__)


def _reservations(statement: _Statement, changes: Changes) -> None:
    freed = [key for key, taken in changes.reserved.items() if not taken]
    taken = [key for key, held in changes.reserved.items() if held]
    if freed:
        pairs = statement.unnest(freed, ("text", "text"))
        statement.parts.append(f"delete from reserved where (name, stream_id) in ({pairs})")  # noqa: S608 - numbered parameters alone
    if taken:
        source = statement.unnest(taken, ("text", "text"))
        statement.parts.append(f"insert into reserved (name, stream_id) {source}")


def _view_rows(statement: _Statement, rows: Iterable[Upsert | Delete], *, few: bool) -> None:
    groups: dict[tuple[type, str, tuple[str, ...]], list[Upsert | Delete]] = defaultdict(list)
    for row in rows:
        columns = (*row.key, *row.values) if isinstance(row, Upsert) else tuple(row.key)
        groups[(type(row), row.table, columns)].append(row)
    for (kind, table, columns), group in groups.items():
        names = ", ".join(columns)
        if kind is Upsert:
            _upserts(statement, table, names, [row for row in group if isinstance(row, Upsert)], few=few)  # fmt: skip
        else:
            keys = statement.records(table, names, [dict(row.key) for row in group])
            statement.parts.append(f"delete from {table} where ({names}) in ({keys})")  # noqa: S608 - names from our own code


def _upserts(
    statement: _Statement, table: str, names: str, rows: Sequence[Upsert], *, few: bool
) -> None:
    if few:
        source = statement.values([(*row.key.values(), *row.values.values()) for row in rows])
    else:
        source = statement.records(table, names, [{**row.key, **row.values} for row in rows])
    keys = ", ".join(rows[0].key)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in rows[0].values)
    action = f"do update set {replaced}" if replaced else "do nothing"
    statement.parts.append(f"insert into {table} ({names}) {source} on conflict ({keys}) {action}")
