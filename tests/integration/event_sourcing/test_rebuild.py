"""The views are what the events say: folded again beside the live ones, while others go on writing (P6)."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import asyncpg
import pytest

from shared.event_sourcing import rebuild as folding
from shared.event_sourcing.rebuild import Busy, count_events, rebuild
from shared.event_sourcing.store import Delete, Recorded, Upsert
from shared.event_sourcing.view_tables import NotAView
from shared.operations.stack import ROOT, SERVICES
from tests.support.ledger import DEFINITION, Happened, History, Ledger, count, do

COMING = datetime(2030, 1, 1, tzinfo=UTC)
NOTED = Happened("noted", tell=True)
SHOWN = replace(DEFINITION, views=("notes",))
SHAPE = """
select 'index', indexname, indexdef from pg_indexes where tablename = 'notes'
union all select 'constraint', conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'notes'::regclass
union all select 'grant', grantee, privilege_type from information_schema.table_privileges where table_name = 'notes'
union all select 'column', column_name, concat_ws(' ', column_default, is_nullable, data_type)
    from information_schema.columns where table_name = 'notes'
union all select 'comment', '', obj_description('notes'::regclass) order by 1, 2, 3
"""
DRESSED = """
alter table notes add constraint counted check (count >= 0), alter column last set default '-';
create index notes_by_count on notes (count desc) where count > 1;
create unique index notes_once on notes (stream_id, last);
comment on table notes is 'What happened last.'; grant select on notes to public;
"""


async def notes(source: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a pool or a connection
    return [tuple(row) for row in await source.fetch("select * from notes order by stream_id")]


async def as_owner(owner_dsn: str, script: str) -> None:
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute(script)
    await owner.close()


async def owned(owner_dsn: str, statement: str) -> list[tuple[Any, ...]]:
    owner = await asyncpg.connect(owner_dsn)
    try:
        return [tuple(row) for row in await owner.fetch(statement)]
    finally:
        await owner.close()


@pytest.fixture
async def kept(unit: Ledger) -> list[tuple[Any, ...]]:
    """Fifty streams, and the view rows of them."""
    for number in range(50):
        await do(unit, f"s{number:02}", *[NOTED] * (1 + number % 3))
    return await notes(unit.pool)


async def test_a_view_that_differs_is_replaced_by_what_the_events_say(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    await unit.pool.execute("update notes set count = 9 where stream_id = 's00'")
    await unit.pool.execute("delete from notes where stream_id in ('s01', 's02')")
    await unit.pool.execute("insert into notes values ('forged', 'never', 1)")
    found = await rebuild(owner_dsn, SHOWN)
    (view,) = found.views
    assert (view.table, view.rows) == ("notes", 50)
    assert (view.different, view.missing, view.surplus) == (1, 2, 1)
    assert view.examples == ["forged", "s00", "s01", "s02"]
    assert await notes(unit.pool) == kept
    assert not (await rebuild(owner_dsn, SHOWN, check=True)).views[0].differs


async def test_a_check_tells_the_difference_and_changes_nothing(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    await unit.pool.execute("update notes set last = 'forged' where stream_id = 's07'")
    found = await rebuild(owner_dsn, SHOWN, check=True)
    assert (found.views[0].different, found.replaced) == (1, False)
    assert await notes(unit.pool) != kept
    beside = "select count(*) from pg_namespace where nspname = 'views_beside'"
    assert await owned(owner_dsn, beside) == [(0,)]


async def test_nothing_is_said_scheduled_or_reserved_again(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    await unit.pool.execute("delete from notes; delete from outbox")
    await do(unit, "s", Happened("due", due=("alarm", COMING)), Happened("held", reserve="name"))
    await unit.pool.execute("delete from scheduled; delete from reserved")
    await rebuild(owner_dsn, SHOWN)
    assert len(await notes(unit.pool)) == len(kept) + 1
    for table in ("outbox", "scheduled", "reserved"):
        assert await count(unit.pool, table) == 0


async def test_the_new_table_has_the_grants_indexes_and_constraints_of_the_migrations(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    await as_owner(owner_dsn, DRESSED)
    before = await owned(owner_dsn, SHAPE)
    await unit.pool.execute("delete from notes where stream_id = 's00'")
    assert (await rebuild(owner_dsn, SHOWN)).views[0].differs
    assert await owned(owner_dsn, SHAPE) == before
    await do(unit, "s00", NOTED)
    assert len(await notes(unit.pool)) == len(kept)
    with pytest.raises(asyncpg.CheckViolationError):
        await unit.pool.execute("update notes set count = -1")


async def test_sixteen_who_write_meanwhile_lose_nothing(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "EVENTS_PER_PAGE", 20)  # so that there is a meanwhile
    monkeypatch.setattr(folding, "FEW_STREAMS", 3)
    done, stop = [0] * 16, asyncio.Event()

    async def write(number: int) -> None:
        while not stop.is_set():
            await do(unit, f"w{number}.{done[number] // 3}", NOTED)
            done[number] += 1

    writers = [asyncio.create_task(write(number)) for number in range(16)]
    await asyncio.sleep(0.2)
    for _ in range(3):
        await unit.pool.execute("update notes set last = 'forged' where stream_id = 's01'")
        assert (await rebuild(owner_dsn, SHOWN)).views[0].different == 1
    before = sum(done)
    await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*writers)
    assert sum(done) > before > 0, "they went on"
    assert await count(unit.pool, "events") == 100 - 1 + sum(done)
    assert not (await rebuild(owner_dsn, SHOWN, check=True)).views[0].differs
    assert [row for row in await notes(unit.pool) if row[0].startswith("s")] == kept


async def test_a_row_that_a_stream_took_away_again_is_not_there(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    def rows(recorded: Recorded[Happened], state: History) -> Iterable[Upsert | Delete]:
        if state[-1] == "gone":
            return [Delete("notes", {"stream_id": recorded.stream_id})]
        return DEFINITION.rows(recorded, state)

    await do(unit, "s00", Happened("gone"))
    await do(unit, "s01", Happened("gone"), NOTED)
    found = await rebuild(owner_dsn, replace(SHOWN, rows=rows))
    assert (found.views[0].surplus, found.views[0].different) == (1, 0)
    assert [row for row in await notes(unit.pool) if row[0] > "s01"] == kept[2:]


async def test_two_rebuilds_at_once_are_one_too_many(unit: Ledger, owner_dsn: str) -> None:
    await do(unit, "s", NOTED)
    runs = [rebuild(owner_dsn, SHOWN) for _ in range(3)]
    found = await asyncio.gather(*runs, return_exceptions=True)
    assert [type(each) for each in found].count(Busy) == 2


async def test_a_reader_who_does_not_let_go_stops_the_rebuild_and_nothing_else(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "SWAPS_TRIED_MAX", 2)
    monkeypatch.setattr(folding, "_SESSION", {"lock_timeout": "100ms"})
    await unit.pool.execute("delete from notes where stream_id = 's00'")
    async with unit.pool.acquire() as reader, reader.transaction():
        await reader.fetch("select * from notes")
        with pytest.raises(Busy):
            await rebuild(owner_dsn, SHOWN)
    assert await notes(unit.pool) == kept[1:]
    await do(unit, "s00", NOTED)


async def test_a_writer_who_does_not_let_go_stops_the_rebuild_too(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "_SESSION", {"lock_timeout": "100ms"})
    async with unit.pool.acquire() as writer, writer.transaction():
        await writer.execute("lock table events in row exclusive mode")  # as an append does
        with pytest.raises(Busy):
            await rebuild(owner_dsn, SHOWN)
    assert await notes(unit.pool) == kept


async def test_what_cannot_be_folded_as_a_whole_is_refused_before_anything_is_done(
    unit: Ledger, owner_dsn: str, kept: list[tuple[Any, ...]]
) -> None:
    await as_owner(owner_dsn, "create table loose (id integer)")
    for views in (("loose",), ("there_is_none",)):
        with pytest.raises(NotAView):
            await count_events(owner_dsn, replace(SHOWN, views=views))
    with pytest.raises(NotAView, match="notes: written by `rows`, but not among"):
        await rebuild(owner_dsn, replace(SHOWN, views=("complaints",)))
    assert await count_events(owner_dsn, SHOWN) == await count(unit.pool, "events")
    assert await notes(unit.pool) == kept


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_of_a_service_is_a_view_or_known_to_be_none(service: str) -> None:
    not_from_events = {"letter_details", "channel_references", "mails"}
    scripts = [path.read_text() for path in (ROOT / "services" / service).glob("sql/*.sql")]
    made = set(re.findall(r"^create table (\w+)", "\n".join(scripts), re.MULTILINE))
    views = import_module(f"services.{service}.app").DEFINITION.views
    assert set(views) == made - not_from_events
