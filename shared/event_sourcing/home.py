"""Which database this is: a backup that was put back elsewhere, or rolled forward to another end, is another one.

Told by the cluster's name, its timeline and the database's number, noted when the service last knew all it had said.
"""

import asyncpg

from shared.event_sourcing.database import Pool

_HERE = """
select concat_ws('/', (select system_identifier from pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8), (select oid from pg_database where datname = current_database()))
"""
_SETTLE = """
insert into home (place) values ($1)
on conflict (singleton) do update set place = excluded.place where home.place <> excluded.place
"""


async def settle(pool: Pool) -> None:
    """Everything is known that was said: this database is the one that goes on."""
    if (here := await _here(pool)) is not None:
        await pool.execute(_SETTLE, here)


async def was_put_back(pool: Pool) -> bool:
    """Whether this database was restored, or promoted, since it last knew all that was said.

    Not noticed where a disk was put back under a cluster as it was, or where the role may not ask.
    """
    known = await pool.fetchval("select place from home")
    return known is not None and known != (await _here(pool) or known)


async def _here(pool: Pool) -> str | None:
    try:
        here: str = await pool.fetchval(_HERE)
    except asyncpg.InsufficientPrivilegeError:
        return None
    return here
