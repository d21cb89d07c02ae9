"""The view tables of a service and fresh ones beside them, in a schema of their own until they are swapped.

Columns, defaults, constraints, indexes, comments and grants are those of the live table, under the same names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from shared.event_sourcing.database import Connection

BESIDE = "views_beside"
EXAMPLES_MAX = 5


class NotAView(Exception):  # noqa: N818 - what is wrong with the table, for whoever wrote its migration
    """A table that cannot be folded again and swapped as a whole."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How a view differs from the fold of all events; `examples` are the keys of some rows that do."""

    table: str
    rows: int
    missing: int
    surplus: int
    different: int
    examples: Sequence[str] = ()

    @property
    def differs(self) -> bool:
        """Whether the view is not what the events say."""
        return self.missing + self.surplus + self.different > 0


_KEY = """
select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
where i.indrelid = to_regclass('public.' || $1) and i.indisprimary order by a.attname
"""
_HANGS_ON = "select count(*) from pg_trigger where tgrelid = to_regclass('public.' || $1)"
_CONSTRAINTS = """
select conname, pg_get_constraintdef(oid) as definition from pg_constraint
where conrelid = to_regclass('public.' || $1) and contype in ('p', 'u', 'x') order by contype
"""
_INDEXES = """
select pg_get_indexdef(i.indexrelid) as definition from pg_index i
where i.indrelid = to_regclass('public.' || $1)
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
"""
_GRANTS = """
select case grantee when 0 then 'public' else quote_ident(grantee::regrole::text) end as grantee, privilege_type
from pg_class c, aclexplode(c.relacl) where c.oid = to_regclass('public.' || $1) and grantee <> c.relowner
"""
_COMMENT = "select quote_literal(obj_description(to_regclass('public.' || $1), 'pg_class'))"


async def key_of(connection: Connection, table: str) -> list[str]:
    """The columns of the primary key. Raises NotAView."""
    columns = [row["attname"] for row in await connection.fetch(_KEY, table)]
    if not columns:
        message = f"{table} is no table, or has no primary key"
        raise NotAView(message)
    if await connection.fetchval(_HANGS_ON, table):
        message = f"{table} has triggers or foreign keys, which a swap would lose"
        raise NotAView(message)
    return columns


async def make_beside(connection: Connection, tables: Sequence[str]) -> None:
    """Empty tables, without indexes, in place of whatever an interrupted rebuild left. Raises NotAView."""
    await remove(connection)
    await connection.execute(f"create schema {BESIDE}")
    for table in tables:
        await key_of(connection, table)
        await connection.execute(
            f"create table {BESIDE}.{table} (like public.{table} including all excluding indexes)"
        )


async def make_indexes(connection: Connection, tables: Sequence[str]) -> None:
    """Once the rows are in, which is quicker. Raises UniqueViolationError when two streams wrote one row."""
    for table in tables:
        for row in await connection.fetch(_CONSTRAINTS, table):
            name, definition = row["conname"], row["definition"]
            await connection.execute(
                f'alter table {BESIDE}.{table} add constraint "{name}" {definition}'
            )
        for row in await connection.fetch(_INDEXES, table):
            live, beside = f" ON public.{table} USING ", f" ON {BESIDE}.{table} USING "
            await connection.execute(row["definition"].replace(live, beside, 1))
        await connection.execute(f"analyze {BESIDE}.{table}")


async def compare(connection: Connection, table: str) -> Compared:
    """Row by row, by the primary key."""
    columns = await key_of(connection, table)
    same_key = " and ".join(f"live.{column} = fold.{column}" for column in columns)
    joined = f"public.{table} as live full join {BESIDE}.{table} as fold on {same_key}"
    live, fold = f"live.{columns[0]}", f"fold.{columns[0]}"
    counted = await connection.fetchrow(
        f"""select count({fold}) as rows, count(*) filter (where {live} is null) as missing,
        count(*) filter (where {fold} is null) as surplus,
        count(*) filter (where {live} = {fold} and live.* is distinct from fold.*) as different from {joined}"""  # noqa: S608 - names from our own code
    )
    assert counted is not None  # noqa: S101 - an aggregate has one row
    compared = Compared(table, *counted)
    return (
        compared
        if not compared.differs
        else await _with_examples(connection, compared, columns, joined)
    )


async def _with_examples(
    connection: Connection, compared: Compared, columns: Sequence[str], joined: str
) -> Compared:
    key = ", ".join(f"coalesce(live.{column}, fold.{column})::text" for column in columns)
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""select concat_ws(' ', {key}) as key from {joined}
        where live.* is distinct from fold.* order by 1 limit {EXAMPLES_MAX}"""  # noqa: S608 - names from our own code
    )
    counts = compared.rows, compared.missing, compared.surplus, compared.different
    return Compared(compared.table, *counts, [row["key"] for row in rows])


async def swap(connection: Connection, table: str) -> None:
    """The fresh table takes the live one's place, name, grants and comment; part of the caller's transaction."""
    for row in await connection.fetch(_GRANTS, table):
        await connection.execute(
            f"grant {row['privilege_type']} on {BESIDE}.{table} to {row['grantee']}"
        )
    if comment := await connection.fetchval(_COMMENT, table):
        await connection.execute(f"comment on table {BESIDE}.{table} is {comment}")
    await connection.execute(f"drop table public.{table}")
    await connection.execute(f"alter table {BESIDE}.{table} set schema public")


async def remove(connection: Connection) -> None:
    """The fresh tables that were not swapped."""
    await connection.execute(f"drop schema if exists {BESIDE} cascade")
