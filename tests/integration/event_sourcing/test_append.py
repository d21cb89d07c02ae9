"""What was answered is in the stream, whole, in one statement, chained, and nobody can change it (P1)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from shared.event_sourcing import append
from shared.event_sourcing.codec import GENESIS, chain
from shared.event_sourcing.outcomes import Refused, Unavailable
from shared.event_sourcing.store import Changes, Delete, Stream, Upsert
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from tests.support.ledger import (
    TOPIC,
    Do,
    Happened,
    History,
    Ledger,
    context,
    count,
    do,
    history,
    work,
)
from tests.support.servers import Databases

TOMORROW = datetime(2026, 11, 25, tzinfo=UTC)
EVERYTHING = Happened("all", tell=True, due=("alarm", TOMORROW), reserve="a name")


class Queries:
    """What the client sent to the server, as asyncpg's own query logger saw it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, record: LoggedQuery) -> None:
        self.texts.append(" ".join(record.query.split()))


async def queries_of(unit: Ledger, work_: Work[Do]) -> list[str]:
    """Every statement that handling this work takes."""
    seen = Queries()
    async with unit.pool.acquire() as connection:
        with connection.query_logger(seen):
            alone: Ledger = UnitOfWork(OnePool(connection), unit.definition)  # type: ignore[arg-type]  # as much of a pool as is used
            await alone.handle(work_, context())
    return seen.texts


class OnePool:
    """A pool of the one connection that is watched."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def acquire(self) -> "OnePool":
        return self

    async def __aenter__(self) -> object:
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_command_takes_two_statements_one_to_load_and_one_to_append(unit: Ledger) -> None:
    loaded, appended = await queries_of(unit, work("s", EVERYTHING, Happened("more", tell=True)))
    assert "left join events" in loaded
    for table in ("events", "outbox", "notes", "scheduled", "reserved"):
        assert f"insert into {table} " in appended


async def test_a_command_with_a_register_number_is_one_transaction_of_four(unit: Ledger) -> None:
    numbered = replace(work("s", EVERYTHING), number_series="DC")
    begin, loaded, appended, commit = await queries_of(unit, numbered)
    assert (begin, commit) == ("BEGIN;", "COMMIT;")
    assert "insert into numbers" in loaded
    assert appended.startswith("with c0 as (insert into reserved")


async def test_all_that_follows_from_an_event_is_stored_with_it(unit: Ledger) -> None:
    handled = await do(unit, "s", EVERYTHING)
    (row,) = await history(unit.pool, "s")
    assert (row["version"], row["type"], row["published"]) == (1, "Happened", 1)
    assert (row["fact_type"], row["fact"]) == ("happened", b"all 1")
    assert handled.state == ("all",)
    pointer = dict(await unit.pool.fetchrow("select topic, key, source, ref from outbox") or {})
    assert pointer == {"topic": TOPIC, "key": "s", "source": "event", "ref": 1}
    alarm = dict(
        await unit.pool.fetchrow("select stream_id, name, kind, due_at from scheduled") or {}
    )
    assert alarm == {"stream_id": "s", "name": "alarm", "kind": "ring", "due_at": TOMORROW}
    assert dict(await unit.pool.fetchrow("select * from reserved") or {}) == {
        "name": "a name",
        "stream_id": "s",
    }
    assert dict(await unit.pool.fetchrow("select * from notes") or {}) == {
        "stream_id": "s",
        "last": "all",
        "count": 1,
    }


async def test_facts_are_numbered_without_a_gap_also_where_events_say_nothing(unit: Ledger) -> None:
    await do(unit, "s", Happened("quiet"), Happened("a", tell=True), Happened("quiet"))
    await do(unit, "s", Happened("b", tell=True))
    published = [row["published"] for row in await history(unit.pool, "s")]
    assert published == [0, 1, 1, 2]


async def test_a_refused_command_leaves_nothing(unit: Ledger) -> None:
    refusing = Work("s", lambda _: Do((EVERYTHING,), refuse="not_today"))
    with pytest.raises(Refused, match="not_today"):
        await unit.handle(refusing, context())
    for table in ("events", "outbox", "notes", "scheduled", "reserved"):
        assert await count(unit.pool, table) == 0


async def test_every_row_carries_the_hash_of_its_whole_past(unit: Ledger) -> None:
    for number in range(3):
        await do(unit, "s", Happened(f"thing {number}", tell=number > 0), Happened("quiet"))
    link = GENESIS
    for row in await history(unit.pool, "s"):
        link = chain(
            link,
            (
                row["stream_id"].encode(),
                str(row["version"]).encode(),
                row["event_id"].bytes,
                row["type"].encode(),
                row["body"],
                row["metadata"],
                str(row["published"]).encode(),
                row["fact_type"].encode() if row["fact_type"] else None,
                row["fact"],
            ),
        )
        assert row["hash"] == link


@pytest.mark.parametrize("statement", [
    "update events set body = 'x'",
    "delete from events",
    "truncate events",
    "update migrations set checksum = 'x'",
    "drop table events",
    "alter table events disable trigger all",
])  # fmt: skip
async def test_the_services_own_role_cannot_rewrite_history(unit: Ledger, statement: str) -> None:
    await do(unit, "s", Happened("done"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await unit.pool.execute(statement)
    assert len(await history(unit.pool, "s")) == 1


@pytest.fixture
def foreign(databases: Databases) -> str:
    """The database of another service, asked with our role."""
    name = databases.make("notifier").rsplit("/", 1)[1]
    return databases.dsn(name, "complaints")


async def test_one_service_cannot_read_the_tables_of_another(unit: Ledger, foreign: str) -> None:
    connection = await asyncpg.connect(foreign)
    try:
        for table in ("events", "persons", "texts", "letters", "outbox"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select * from {table}")  # noqa: S608 - names from this test
    finally:
        await connection.close()
    assert await count(unit.pool, "events") == 0


async def cut_connections(admin_dsn: str, times: int) -> None:
    """End every connection of the service, again and again."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        for _ in range(times):
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'complaints'"
            )
            await asyncio.sleep(0.01)
    finally:
        await admin.close()


async def test_a_connection_cut_in_the_middle_leaves_all_or_nothing(
    unit: Ledger, databases: Databases
) -> None:
    async def file(stream_id: str) -> str | None:
        whole = replace(EVERYTHING, reserve=stream_id), Happened("b", tell=True)
        try:
            await do(unit, stream_id, *whole)
        except Unavailable:
            return None
        return stream_id

    cutting = asyncio.create_task(cut_connections(databases.dsn("postgres", databases.admin), 40))
    answered = await asyncio.gather(*(file(str(uuid4())) for _ in range(200)))
    await cutting
    stored = await unit.pool.fetch("select stream_id, count(*) from events group by stream_id")
    whole = {row["stream_id"] for row in stored}
    assert {row["count"] for row in stored} <= {2}, "both events or none"
    assert {each for each in answered if each} <= whole, "what was answered is there"
    for table, column in (
        ("notes", "stream_id"),
        ("scheduled", "stream_id"),
        ("reserved", "stream_id"),
        ("outbox", "key"),
    ):
        assert {row[0] for row in await unit.pool.fetch(f"select {column} from {table}")} == whole  # noqa: S608 - names from this test


async def test_the_statement_for_few_rows_and_the_one_for_many_write_the_same(
    unit: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = Changes()
    stream: Stream[History] = Stream("s", ())
    for number in range(4):
        event = Happened(f"é\\x00 '{number}'", tell=number % 2 == 0, due=(f"d{number}", TOMORROW))
        advance = unit.advance(stream, Do((event,)), context(), TOMORROW)
        stream = advance.stream
        changes.merge(advance.changes)
    changes.reserved |= {("taken", "s"): True, ("freed", "s"): False}
    changes.due[("s", "d1")] = None
    changes.add_rows([Upsert("persons", {"person_id": UUID(int=1)}, {"data": b"\x00\xff"})])
    changes.add_rows(
        [Upsert("texts", {"text_id": UUID(int=1)}, {"person_id": None, "body": "ü\n"})]
    )
    changes.add_rows([Delete("notes", {"stream_id": "gone"})])
    written = []
    for few_max in (1000, 0):
        monkeypatch.setattr(append, "SINGLE_ROWS_MAX", few_max)
        written.append(await _written(unit, changes))
    assert written[0] == written[1]
    assert len(written[0]["events"]) == 4


async def _written(unit: Ledger, changes: Changes) -> dict[str, list[tuple[object, ...]]]:
    """The rows these changes make, looked at and taken back again."""
    tables = {
        "events": "stream_id, version, event_id, type, body, metadata, published, fact_type, fact, hash",
        "outbox": "topic, key, source, ref",
        "notes": "*", "scheduled": "*", "reserved": "*", "persons": "*", "texts": "*",
    }  # fmt: skip
    async with unit.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into notes values ('gone', 'x', 1)")
        await connection.execute("insert into reserved values ('freed', 's')")
        await append.save(connection, changes)
        found = {
            table: [
                tuple(row)
                for row in await connection.fetch(f"select {columns} from {table} order by 1, 2")  # noqa: S608 - names from this test
            ]
            for table, columns in tables.items()
        }
        await transaction.rollback()
    return found
