"""From an operator's command to a service's database and to its own code, beside the running service."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, TypeVar, get_args

import asyncpg

from shared.contracts.topics import Service
from shared.event_sourcing.database import open_pool
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.unblocking import AnySubscription
from shared.operations.command_line import CannotDo, database_of
from shared.operations.stack import Stack

T = TypeVar("T")


def known_service(name: str) -> str:
    """The name, if it is one of the five."""
    if name not in get_args(Service):
        message = f"layanan {name!r} tidak dikenal; pilih {', '.join(get_args(Service))}"
        raise CannotDo(message)
    return name


def fetch(stack: Stack, service: str, query: str, *args: object) -> list[dict[str, Any]]:
    """Rows of the service's database."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(stack.postgres[service], timeout=10)
        try:
            return [dict(row) for row in await connection.fetch(query, *args)]
        finally:
            await connection.close()

    with database_of(service):
        return asyncio.run(run())


def act_on_hearing(stack: Stack, service: str, act: Callable[[AnySubscription], Awaitable[T]]) -> T:
    """Act on what the service takes in, with its own reactions; its outbox and due work are the running service's."""
    app = import_module(f"services.{service}.app")  # a service's whole code, for this command alone
    if not hasattr(app, "hearing"):
        message = f"layanan {service} tidak menerima fakta"
        raise CannotDo(message)

    async def run() -> T:
        pool = await open_pool(stack.postgres[service], size=2)
        try:
            return await act(app.hearing(UnitOfWork(pool, app.DEFINITION)))
        finally:
            await pool.close()

    with database_of(service):
        return asyncio.run(run())
