"""One pool per service, and which database errors mean what: somebody was faster, or the world is away."""

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:  # the stubs are generic, the classes are not
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    PlainConnection = asyncpg.Connection[asyncpg.Record]
    Connection = PlainConnection | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = PlainConnection = asyncpg.Connection

POOL_CONNECTIONS_MAX = 10
_WORLD = ("08", "42", "53", "55", "57")
_WORLD_STATES = ("25P03", "25006")
"""Idle too long in a transaction; read-only, as a standby is after a failover."""
_CONTENTION = "40"
DATABASE_ERRORS = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
)  # fmt: skip
"""All that a call to the database can raise: for whoever may leave a thing undone, and need not know why."""


class _PooledConnection(PlainConnection):
    """Ours never SET, LISTEN or hold session locks, so giving one back needs no reset (halves its cost)."""

    def get_reset_query(self) -> str:
        return ""


async def open_pool(
    dsn: str,
    *,
    size: int = POOL_CONNECTIONS_MAX,
) -> Pool:
    """A pool whose sessions cannot hang: every wait has a limit."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        connection_class=_PooledConnection,
        command_timeout=60,
        timeout=5,
        max_inactive_connection_lifetime=60,
        server_settings={
            "timezone": "UTC",
            "lock_timeout": "20s",
            "idle_in_transaction_session_timeout": "30s",
            "statement_timeout": "60s",
        },
    )


def taken_constraint(error: BaseException) -> str | None:
    """The constraint a unique violation names: `events_pkey` (somebody was faster), `reserved_pkey` (name taken)."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return str(error.constraint_name)
    return None


def is_contention(error: BaseException) -> bool:
    """Somebody was faster: load again and decide again. Deadlocks and serialisation failures are the same case."""
    if isinstance(
        error, asyncpg.InvalidCachedStatementError
    ):  # a migration changed a table under us
        return True
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_CONTENTION) or (
            taken_constraint(error) == "events_pkey"
        )
    return False


def is_world_away(error: BaseException) -> bool:
    """The database is away, full, or not migrated: wait and try the same again, judge no record by it."""
    if isinstance(error, asyncpg.PostgresError):
        sqlstate = error.sqlstate or ""
        return sqlstate in _WORLD_STATES or sqlstate.startswith(_WORLD)
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # a ValueError is bad input, found by the client
    # asyncpg says InternalClientError of a connection that was cut while it was being used again
    return isinstance(error, (OSError, TimeoutError, asyncpg.InternalClientError))
