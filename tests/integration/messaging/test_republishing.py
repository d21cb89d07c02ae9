"""A topic that was lost is the same again: ids, numbers, bytes, order; and its readers change nothing (P2, P3)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from shared.contracts.facts.intake import RequestSubmitted
from shared.contracts.registry import ce_type_of, encode
from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import Context, UnitOfWork, Work
from shared.messaging import consumer, republishing
from shared.messaging.republishing import NoTopic, Owned, owned_by, republish
from shared.people.persons import Person, Text, person_row, text_row
from tests.integration.messaging.test_relay import TOLD, emptied, numbers, relaying, speaking
from tests.support import requests as r
from tests.support import topics
from tests.support.bus import Bus, Record, bus, consuming, counted, fact, received, until
from tests.support.ledger import (
    DEFINITION,
    Do,
    Happened,
    History,
    Ledger,
    count,
    do,
    history,
    ledger,
)
from tests.support.servers import Databases

SITI = Person(person_id=UUID(int=1), kind="contact", name="Siti")
REASON = Text(text_id=UUID(int=2), person_id=SITI.person_id, body="kurang lengkap")
FORGOTTEN = UUID(int=3)


@pytest.fixture
async def people(kafka: str) -> AsyncIterator[Bus]:
    """A topic of persons and texts."""
    async with bus(kafka) as own:
        yield own


def owned(topic: Bus, people: Bus | None = None) -> Owned:
    personal = people.topic if people else None
    return Owned({"datacloud.happened.v1": topic.topic}, personal, personal)


def wire(records: Sequence[ConsumerRecord]) -> dict[bytes, list[tuple[object, ...]]]:
    """Everything a reader sees of each stream, in order."""
    found: dict[bytes, list[tuple[object, ...]]] = {}
    for record in records:
        found.setdefault(record.key, []).append((record.partition, record.value, record.headers))
    return found


async def test_a_topic_that_was_lost_is_filled_again_as_it_was(
    unit: Ledger, dsn: str, owner_dsn: str, topic: Bus, people: Bus
) -> None:
    service = speaking(unit, topic)
    written = person_row(SITI, people.topic) + text_row(REASON, people.topic)
    filing = Work("s0", lambda _: Do((TOLD,)), rows=written.rows, pointers=written.pointers)
    await service.handle(filing, Context("tester", uuid4()))
    async with relaying(service, dsn, topic.bootstrap):
        for number in range(40):
            await do(service, f"s{number % 7}", TOLD, Happened("quiet"), TOLD)
        await emptied(unit)
    before = await topic.read(81)
    await unit.pool.execute("insert into forgotten (person_id) values ($1)", FORGOTTEN)
    for lost in (topic, people):
        await topics.lose(lost.bootstrap, lost.topic)
    said = await republish(owner_dsn, owned(topic, people))
    assert said == {topic.topic: {"facts": 81}, people.topic: {"persons and texts": 3}}
    await do(service, "s0", TOLD)
    for lost in (topic, people):
        await topics.make(lost.bootstrap, lost.topic)
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
    after = await topic.read(82)
    assert {key: told[:-1] if key == b"s0" else told for key, told in wire(after).items()} == wire(
        before
    )
    personal = {record.key.decode(): record.value for record in await people.read(3)}
    assert Person.model_validate_json(personal[str(SITI.person_id)]) == SITI
    assert Text.model_validate_json(personal[str(REASON.text_id)]) == REASON
    assert personal[str(FORGOTTEN)] is None


async def test_what_waited_to_be_said_is_said_once_and_in_its_place(
    unit: Ledger, dsn: str, owner_dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    for _ in range(3):
        await do(service, "s", TOLD)
    await republish(owner_dsn, owned(topic))
    await do(service, "s", TOLD)
    await republish(owner_dsn, owned(topic))
    await do(service, "s", TOLD)
    assert await count(unit.pool, "outbox") == 5
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
    assert numbers(await topic.read(5)) == {"s": [1, 2, 3, 4, 5]}


async def test_readers_find_duplicates_and_change_nothing(
    unit: Ledger, dsn: str, owner_dsn: str, topic: Bus, databases: Databases
) -> None:
    streams = [str(uuid4()) for _ in range(10)]
    reading_dsn = await asyncio.to_thread(databases.make, "complaints")
    reading_owner = databases.dsn(reading_dsn.rsplit("/", 1)[1], "complaints_owner")
    service = submitting(unit, topic)
    async with ledger(reading_dsn, reading_owner) as reader:
        taking = topic.subscription(reader)
        async with (
            relaying(service, dsn, topic.bootstrap),
            consuming(reader, topic.bootstrap, taking),
        ):
            for each in streams * 3:
                await do(service, each, TOLD)
            assert await received(taking.name, 30) == {"applied": 30}
        taken_in = await everything(reader)
        await topics.lose(topic.bootstrap, topic.topic)
        await republish(owner_dsn, Owned({ce_type_of(RequestSubmitted): topic.topic}))
        await topics.make(topic.bootstrap, topic.topic)
        async with (
            relaying(service, dsn, topic.bootstrap),
            consuming(reader, topic.bootstrap, taking),
        ):
            assert await received(taking.name, 60) == {"applied": 30, "duplicate": 30}
            assert await everything(reader) == taken_in
            await do(service, streams[0], TOLD)
            assert (await received(taking.name, 61))["applied"] == 31
    assert "held" not in counted(taking.name)


def submitting(unit: Ledger, topic: Bus) -> Ledger:
    """The service, saying facts that readers know."""

    def publish(_: Happened, state: History) -> Published | None:
        said = r.submitted(cycle=len(state))
        return Published(topic.topic, ce_type_of(RequestSubmitted), encode(said))

    return UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))


async def everything(reader: Ledger) -> list[tuple[object, ...]]:
    """What a reader has made of it."""
    rows = await reader.pool.fetch(
        "select stream_id, version, event_id, hash from events order by 1, 2"
    )
    marks = await reader.pool.fetch("select stream, sequence, fact_id from marks order by 1")
    return [*map(tuple, rows), *map(tuple, marks)]


async def test_a_dry_run_says_the_same_and_does_nothing(
    unit: Ledger, owner_dsn: str, topic: Bus
) -> None:
    await do(speaking(unit, topic), "s", TOLD, TOLD)
    await unit.pool.execute("delete from outbox")
    assert await republish(owner_dsn, owned(topic), dry_run=True) == {topic.topic: {"facts": 2}}
    assert await count(unit.pool, "outbox") == 0


async def test_a_fact_without_a_topic_is_told_and_nothing_is_changed(
    unit: Ledger, owner_dsn: str, topic: Bus
) -> None:
    await do(speaking(unit, topic), "s", TOLD)
    before = await unit.pool.fetch("select * from outbox")
    with pytest.raises(NoTopic, match=r"^datacloud.happened.v1$"):
        await republish(owner_dsn, Owned({}))
    assert await unit.pool.fetch("select * from outbox") == before


async def test_nobody_appends_meanwhile(
    unit: Ledger, owner_dsn: str, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = speaking(unit, topic)
    await do(service, "s", TOLD)
    async with unit.pool.acquire() as slow, slow.transaction():
        await slow.execute("lock table events in row exclusive mode")  # as an append does
        monkeypatch.setattr(republishing, "LOCK_SECONDS_MAX", 1)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await republish(owner_dsn, owned(topic))


def test_each_service_fills_its_own_topics_and_no_others() -> None:
    assert owned_by("review").texts == "datacloud.review-texts.v1"
    assert owned_by("review").persons is None, "its persons are copies of intake's"
    assert owned_by("intake").persons == "datacloud.people.v1"
    assert owned_by("intake").texts is None, "intake's texts leave it never"
    assert owned_by("complaints").texts is None, "nor do narratives"
    assert set(owned_by("provisioning").facts.values()) == {"datacloud.accounts.v1"}


async def shuffled(topic: Bus) -> tuple[str, list[Record]]:
    """What a topic holds that was lost and refilled: known facts, new ones among them, more than were read before."""
    name, other = str(uuid4()), str(uuid4())
    known = [
        replace(fact(other, number, fact_id=str(UUID(int=number))), partition=0)
        for number in range(1, 21)
    ]
    await topic.send(*known)
    new = [replace(fact(name, number), partition=0) for number in range(1, 6)]
    return name, [*known[:10], *new, *known[10:], *known]


async def test_a_reader_that_was_away_while_its_topic_was_made_again_misses_nothing(
    unit: Ledger, topic: Bus
) -> None:
    name, again = await shuffled(topic)
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 20)
    await topics.lose(topic.bootstrap, topic.topic)
    await topics.make(topic.bootstrap, topic.topic)
    await topic.send(*again)
    async with consuming(unit, topic.bootstrap, taking):
        assert await received(taking.name, 65) == {"applied": 25, "duplicate": 40}
    assert len(await history(unit.pool, name)) == 5


async def test_a_reader_at_work_notices_that_its_topic_was_made_again(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "WATCH_SECONDS", 0.2)
    name, again = await shuffled(topic)
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 20)
        await topics.lose(topic.bootstrap, topic.topic)
        await topics.make(topic.bootstrap, topic.topic)
        await topic.send(*again)
        await until(lambda: counted(taking.name).get("applied", 0) == 25)
    assert len(await history(unit.pool, name)) == 5
