"""Clocks that jump or differ, and decisions at the instant of their deadline: each deadline ends one way, once (P7)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg

from shared.event_sourcing.decider import Decider
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.scheduling import Deadlines, Due
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from tests.support.ledger import (
    DEFINITION,
    Do,
    Happened,
    History,
    Ledger,
    count,
    do,
    evolve,
    history,
    ledger,
)
from tests.support.servers import Databases

NOW = datetime.now(UTC)
RACES, AT_ONCE = 1_000, 50


def rings(due: Due) -> Work[Do]:
    """It notes its legal instant."""
    return Work(due.stream_id, lambda given: Do((Happened(f"rang at {given.at.isoformat()}"),)))


def misses(due: Due) -> Work[Do]:
    return Work(due.stream_id, lambda _: Do((Happened("missed"),)))


async def fire(unit: Ledger) -> None:
    """Everything that is due now."""
    deadlines = Deadlines(unit, "ring", rings)
    while await deadlines.round():
        pass


async def rang(unit: Ledger, stream_id: str) -> list[str]:
    found = [
        unit.codec.decode(row["type"], row["body"]).what
        for row in await history(unit.pool, stream_id)
    ]
    return [what for what in found if what.startswith("rang")]


@asynccontextmanager
async def shifted(databases: Databases, dsn: str, by: str) -> AsyncIterator[Ledger]:
    """The service on its database, whose clock is so far from the host's."""
    name = dsn.rsplit("/", 1)[1]
    admin = await asyncpg.connect(databases.dsn(name, databases.admin))
    try:
        await admin.execute(f"alter database \"{name}\" set datacloud.clock_shift = '{by}'")
    finally:
        await admin.close()
    async with ledger(dsn, databases.dsn(name, "complaints_owner")) as unit:
        yield unit


async def test_a_clock_that_jumps_ahead_fires_what_it_passed_once(
    unit: Ledger, databases: Databases, dsn: str
) -> None:
    in_a_day = NOW + timedelta(days=1)
    await do(unit, "s", Happened("scheduled", due=("alarm", in_a_day)))
    await fire(unit)
    assert await rang(unit, "s") == []
    async with shifted(databases, dsn, "3 days") as ahead:
        await fire(ahead)
        await fire(ahead)
        assert await rang(ahead, "s") == [f"rang at {in_a_day.isoformat()}"]


async def test_a_clock_that_jumps_back_fires_nothing_a_second_time(
    unit: Ledger, databases: Databases, dsn: str
) -> None:
    past = NOW - timedelta(hours=1)
    await do(unit, "fired", Happened("scheduled", due=("alarm", past)))
    await fire(unit)
    async with shifted(databases, dsn, "-3 days") as behind:
        await do(behind, "waits", Happened("scheduled", due=("alarm", past)))
        await fire(behind)
        assert (len(await rang(behind, "fired")), len(await rang(behind, "waits"))) == (1, 0)
    async with shifted(databases, dsn, "0") as again:
        await fire(again)
        assert (len(await rang(again, "fired")), len(await rang(again, "waits"))) == (1, 1)


async def test_the_clock_of_the_database_alone_says_what_is_due(
    databases: Databases, dsn: str
) -> None:
    for shift, minutes, fires in (("5 minutes", 3, 1), ("-5 minutes", -3, 0)):
        async with shifted(databases, dsn, shift) as unit:
            due = datetime.now(UTC) + timedelta(minutes=minutes)
            await do(unit, shift, Happened("scheduled", due=("alarm", due)))
            await fire(unit)
            assert len(await rang(unit, shift)) == fires


def ends_once(command: Do, state: History) -> Sequence[Happened]:
    """Met or missed, whichever comes first; the other is refused."""
    if {"met", "missed"} & {*state}:
        raise Refused("ended")
    return command.events


async def test_of_a_thousand_races_with_a_deadline_each_ends_one_way(unit: Ledger) -> None:
    racing: Ledger = UnitOfWork(
        unit.pool, replace(DEFINITION, decider=Decider(tuple, ends_once, evolve))
    )
    scheduled = Happened("scheduled", due=("alarm", NOW))
    streams = [f"s{number}" for number in range(RACES)]
    told: dict[str, bool] = {}

    async def meet(stream_id: str) -> None:
        try:
            await do(racing, stream_id, Happened("met", cancel="alarm"))
        except Refused:
            told[stream_id] = False
        else:
            told[stream_id] = True

    deadlines = Deadlines(racing, "ring", misses)
    for first in range(0, RACES, AT_ONCE):
        some = streams[first : first + AT_ONCE]
        await asyncio.gather(*(do(racing, each, scheduled) for each in some))
        await asyncio.gather(*(meet(each) for each in some), deadlines.round(), deadlines.round())
    while await deadlines.round():
        pass
    ended = {name: await endings(racing, name) for name in streams}
    assert ended == {name: ["met" if told[name] else "missed"] for name in streams}
    assert await count(unit.pool, "scheduled") == 0


async def endings(unit: Ledger, stream_id: str) -> list[str]:
    rows = await history(unit.pool, stream_id)
    found = [unit.codec.decode(row["type"], row["body"]).what for row in rows]
    return [what for what in found if what != "scheduled"]
