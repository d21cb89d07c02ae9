"""Copies of personal records: the last one stands, a deletion deletes, and the forgotten stay forgotten (P10)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from shared.people.copies import Copies
from tests.support.bus import Bus, RawName, Record, bus, consuming, counted, until
from tests.support.ledger import Ledger

PERSON = UUID(int=1)


@pytest.fixture
async def people(kafka: str) -> AsyncIterator[Bus]:
    """A compacted topic of persons and texts."""
    async with bus(kafka, config={"cleanup.policy": "compact"}) as own:
        yield own


def person(person_id: UUID, name: str | None, **more: str) -> Record:
    value = {"person_id": str(person_id), "kind": "contact", "name": name, **more}
    return record(
        str(person_id), "datacloud.person.v1", None if name is None else orjson.dumps(value)
    )


def text(text_id: UUID, body: str, person_id: UUID | None = None) -> Record:
    value = {
        "text_id": str(text_id),
        "person_id": str(person_id) if person_id else None,
        "body": body,
    }
    return record(str(text_id), "datacloud.text.v1", orjson.dumps(value))


def record(key: str, ce_type: str, value: bytes | None) -> Record:
    return Record(
        key.encode(), value, [("ce_type", ce_type.encode()), ("ce_id", str(uuid4()).encode())]
    )


async def copied(unit: Ledger, people: Bus, *records: Record) -> dict[str, int]:
    """What became of these records."""
    copies = Copies(unit.pool, f"copies.{uuid4().hex[:8]}", [people.topic])
    await people.send(*records)
    async with consuming(unit, people.bootstrap, copies):
        await until(lambda: counted(copies.name).get("received", 0) >= len(records))
        await asyncio.sleep(0.05)
    return counted(copies.name)


async def names(unit: Ledger) -> list[str]:
    return [
        orjson.loads(row["data"])["name"]
        for row in await unit.pool.fetch("select data from persons")
    ]


async def test_the_last_word_on_a_person_stands(unit: Ledger, people: Bus) -> None:
    await copied(unit, people, person(PERSON, "Siti"), person(PERSON, "Siti Aminah"))
    assert await names(unit) == ["Siti Aminah"]


async def test_a_deletion_deletes_the_copy(unit: Ledger, people: Bus) -> None:
    told = text(UUID(int=2), "kurang lengkap")
    gone = [person(PERSON, None), replace(told, value=None)]
    outcomes = await copied(unit, people, person(PERSON, "Siti"), told, *gone)
    assert outcomes == {"received": 4, "applied": 4}
    assert await names(unit) == []
    assert await unit.pool.fetchval("select count(*) from texts") == 0


async def test_who_was_forgotten_is_not_copied_again(unit: Ledger, people: Bus) -> None:
    await unit.pool.execute("insert into forgotten (person_id) values ($1)", PERSON)
    about = text(UUID(int=2), "tentang Siti", PERSON)
    await copied(unit, people, person(PERSON, "Siti"), person(UUID(int=3), "Budi"), about)
    assert await names(unit) == ["Budi"]
    assert await unit.pool.fetchval("select count(*) from texts") == 0


@pytest.mark.parametrize("bad", [
    record("x", "datacloud.person.v1", b"{broken, Siti Aminah"),
    record("x", "datacloud.person.v1", b"[]"),
    record("x", "datacloud.text.v1", b"\xff"),
    text(UUID(int=9), "a NUL \0 in a text"),
    Record(b"x", b"{}", [("ce_type", None)]),
    replace(person(PERSON, "Forged"), key=b"x"),
    replace(person(PERSON, "Forged"), key=str(UUID(int=0xA)).upper().encode()),
    replace(person(PERSON, "Forged"), headers=[(RawName("x"), b"1")]),
])  # fmt: skip
async def test_an_unreadable_record_is_noted_without_its_bytes_and_costs_nobody_else(
    unit: Ledger, people: Bus, bad: Record
) -> None:
    outcomes = await copied(unit, people, person(PERSON, "Siti"), bad, person(UUID(int=3), "Budi"))
    assert outcomes == {"received": 3, "applied": 2, "parked": 1}
    assert sorted(await names(unit)) == ["Budi", "Siti"]
    (row,) = await unit.pool.fetch("select reason, value, headers, stream from blocked")
    assert tuple(row) == ("unreadable_personal_record", None, b"[]", None)


async def test_reading_everything_again_changes_nothing(unit: Ledger, people: Bus) -> None:
    await copied(unit, people, person(PERSON, "Siti"), person(PERSON, "Siti Aminah"))
    again = Copies(unit.pool, f"again.{uuid4().hex[:8]}", [people.topic])
    async with consuming(unit, people.bootstrap, again):
        await until(lambda: counted(again.name).get("received", 0) == 2)
    assert await names(unit) == ["Siti Aminah"]


async def test_a_bad_record_read_again_is_a_duplicate(unit: Ledger, people: Bus) -> None:
    copies = Copies(unit.pool, f"copies.{uuid4().hex[:8]}", [people.topic])
    await people.send(person(PERSON, "Siti"), record("x", "datacloud.person.v1", b"[]"))
    async with consuming(unit, people.bootstrap, copies):
        await until(lambda: counted(copies.name).get("received", 0) == 2)
    await unit.pool.execute("delete from offsets")
    async with consuming(unit, people.bootstrap, copies):
        await until(lambda: counted(copies.name).get("received", 0) == 4)
    assert counted(copies.name) == {"received": 4, "applied": 2, "parked": 1, "duplicate": 1}


async def test_a_record_that_the_database_refuses_is_noted_and_costs_nobody_else(
    unit: Ledger, owner_dsn: str, people: Bus
) -> None:
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute("alter table persons add check (position('refused' in data) = 0)")
    await owner.close()
    told = [person(UUID(int=number), name) for number, name in enumerate(("A", "refused", "B"), 1)]
    outcomes = await copied(unit, people, *told)
    assert outcomes == {"received": 3, "applied": 2, "parked": 1}
    assert sorted(await names(unit)) == ["A", "B"]
