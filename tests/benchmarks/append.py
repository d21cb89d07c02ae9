"""Appending one event with its outbox row, against a bare one-row INSERT through the same pool."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from shared.event_sourcing.append import save
from shared.event_sourcing.store import Changes, Stream, nothing
from shared.event_sourcing.unit_of_work import UnitOfWork
from tests.benchmarks.measure import Row, in_turns, rate_of, ratio
from tests.support.ledger import DEFINITION, Do, Happened, History, Ledger, context

CONNECTIONS, APPENDS, ROUNDS = 16, 6_000, 5
FACT = Happened("x" * 400, tell=True)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


async def rows(unit: Ledger, owner_execute: Callable[[str], Awaitable[object]]) -> list[Row]:
    """Both rows of the table; `unit` has a pool of 16."""
    await owner_execute(
        "create table bare (id bigint generated always as identity primary key, body bytea not null);"
        'grant insert on bare to "complaints"'
    )
    names = count()
    plain: Ledger = UnitOfWork(unit.pool, replace(DEFINITION, rows=nothing))
    floor, without_view, with_view = await in_turns(
        ROUNDS,
        lambda: _bare(unit),
        lambda: _appends(plain, names),
        lambda: _appends(unit, names),
    )
    plainly, shown = ratio(without_view, floor), ratio(with_view, floor)
    remark = f"{without_view[-1]:,.0f}/s, bare {floor[-1]:,.0f}/s"
    what = f"append of 1 event + outbox row, {CONNECTIONS} connections"
    return [
        Row(what, plainly, "of bare", 0.7, remark=remark),
        Row("the same with one view row", shown, "of bare", 0.6, remark=f"{with_view[-1]:,.0f}/s"),
    ]


async def _bare(unit: Ledger) -> float:
    body = b"x" * 1_000

    async def insert(_: int) -> None:
        async with unit.pool.acquire() as connection:
            await connection.execute("insert into bare (body) values ($1)", body)

    return await rate_of(APPENDS, lambda: _by_sixteen(insert))


async def _appends(unit: Ledger, names: Iterator[int]) -> float:
    prepared = [_changes(unit, f"s{next(names)}") for _ in range(APPENDS)]

    async def append(number: int) -> None:
        async with unit.pool.acquire() as connection:
            await save(connection, prepared[number])

    return await rate_of(APPENDS, lambda: _by_sixteen(append))


def _changes(unit: Ledger, stream_id: str) -> Changes:
    stream: Stream[History] = Stream(stream_id, ())
    return unit.advance(stream, Do((FACT,)), context(), NOW).changes


async def _by_sixteen(one: Callable[[int], Awaitable[None]]) -> None:
    numbers = iter(range(APPENDS))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
