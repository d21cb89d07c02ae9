"""Every committed fact is said, with the bytes that were stored, in the order of its stream (P2, P4)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from aiokafka import ConsumerRecord

from deploy.local.kafka import EmbeddedKafka
from shared.event_sourcing.append import save
from shared.event_sourcing.store import Published, Stream
from shared.event_sourcing.unit_of_work import Context, UnitOfWork, Work
from shared.messaging.relay import Relay
from shared.people.persons import Person, Text, person_row, text_row
from tests.support.bus import Bus, bus
from tests.support.ledger import DEFINITION, Do, Happened, History, Ledger, count, do, history
from tests.support.requests import MONDAY

TOLD = Happened("told", tell=True)


def speaking(unit: Ledger, topic: Bus) -> Ledger:
    """The service, saying its facts on the test's own topic."""

    def publish(event: Happened, state: History) -> Published | None:
        value = f'{{"what":"{event.what}","count":{len(state)}}}'.encode()
        return Published(topic.topic, "datacloud.happened.v1", value) if event.tell else None

    return UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))


@asynccontextmanager
async def relaying(unit: Ledger, dsn: str, bootstrap: str) -> AsyncIterator[Relay]:
    """The relay at work, as in a service."""
    relay = Relay(dsn, bootstrap, "ledger", unit.wakeups)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def emptied(unit: Ledger) -> None:
    async with asyncio.timeout(30):
        while await count(unit.pool, "outbox"):  # noqa: ASYNC110 - a database does not call back
            await asyncio.sleep(0.02)


def numbers(records: Sequence[ConsumerRecord]) -> dict[str, list[int]]:
    """The numbers of each stream's facts, in the order they stand on the topic."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in records:
        found[record.key.decode()].append(int(dict(record.headers)["ce_sequence"]))
    return dict(found)


async def test_a_fact_is_said_as_it_was_stored_with_the_headers_of_the_contract(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    about = Context("tester", uuid4(), uuid4(), "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    await service.handle(Work("s", lambda _: Do((Happened("quiet"), TOLD))), about)
    async with relaying(service, dsn, topic.bootstrap):
        (record,) = await topic.read(1)
    (_, row) = await history(unit.pool, "s")
    assert (record.key, record.value) == (b"s", row["fact"])
    said = {name: value.decode() for name, value in record.headers}
    time = orjson.loads(row["metadata"])["occurred_at"].replace("+00:00", "Z")
    assert said == {
        "ce_id": str(row["event_id"]),
        "ce_source": "ledger",
        "ce_type": "datacloud.happened.v1",
        "ce_time": time,
        "ce_subject": "s",
        "ce_specversion": "1.0",
        "ce_dataschema": "urn:datacloud:schemas:datacloud.happened.v1",
        "ce_sequence": "1",
        "ce_correlationid": str(about.correlation_id),
        "ce_causationid": str(about.causation_id),
        "traceparent": about.traceparent,
        "content-type": "application/json",
    }


async def test_what_many_say_at_once_stands_in_the_order_of_each_stream(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service, streams = speaking(unit, topic), [f"s{number}" for number in range(20)]
    async with relaying(service, dsn, topic.bootstrap):
        for _ in range(5):
            await asyncio.gather(
                *(do(service, each, TOLD, TOLD) for each in streams for _ in (1, 2))
            )
        await emptied(unit)
        records = await topic.read(400)
    assert numbers(records) == {each: list(range(1, 21)) for each in streams}


async def test_a_row_that_commits_late_is_not_overtaken_by_the_next_of_its_stream(
    unit: Ledger, dsn: str, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = speaking(unit, topic)
    late = service.advance(Stream("s", ()), Do((TOLD,)), Context("tester", uuid4()), MONDAY)
    async with unit.pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await save(slow, late.changes)
        await do(service, "another", TOLD)
        chunks = Relay._chunks  # noqa: SLF001 - the moment between two readings

        async def meanwhile(self: Relay, *what: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
            if not transaction_ended():
                await transaction.commit()
                await do(service, "s", TOLD)
            return await chunks(self, *what)

        def transaction_ended() -> bool:
            return not slow.is_in_transaction()

        monkeypatch.setattr(Relay, "_chunks", meanwhile)
        async with relaying(service, dsn, topic.bootstrap):
            await emptied(unit)
    assert numbers(await topic.read(3)) == {"another": [1], "s": [1, 2]}


async def test_of_two_relays_one_leads_and_the_other_takes_over(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    async with relaying(service, dsn, topic.bootstrap):
        await do(service, "s", TOLD)
        await emptied(unit)
        async with relaying(service, dsn, topic.bootstrap):
            for _ in range(20):
                await do(service, "s", TOLD)
            await emptied(unit)
            leaders = await unit.pool.fetchval(
                "select count(*) from pg_locks where locktype = 'advisory' and granted"
                " and database = (select oid from pg_database where datname = current_database())"
            )
            assert leaders == 1
    async with relaying(service, dsn, topic.bootstrap):
        await do(service, "s", TOLD)
        await emptied(unit)
    assert numbers(await topic.read(22)) == {"s": list(range(1, 23))}


async def test_a_relay_whose_connection_is_cut_leads_again(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    async with relaying(service, dsn, topic.bootstrap):
        for _ in range(3):
            await do(service, "s", TOLD)
            await emptied(unit)
            await unit.pool.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
                " and database = (select oid from pg_database where datname = current_database())"
            )
        await do(service, "s", TOLD)
        await emptied(unit)
    assert numbers(await topic.read(4)) == {"s": [1, 2, 3, 4]}


async def test_a_person_is_said_as_known_now_and_as_deleted_once_the_row_is_gone(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    person = Person(person_id=UUID(int=1), kind="contact", name="Siti")
    text = Text(text_id=UUID(int=2), person_id=person.person_id, body="kurang lengkap")
    written = person_row(person, topic.topic) + text_row(text, topic.topic)
    done = Work(
        "s", lambda _: Do((Happened("filed"),)), rows=written.rows, pointers=written.pointers
    )
    await service.handle(done, Context("tester", uuid4()))
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
        await unit.pool.execute("delete from persons")
        await unit.pool.execute("delete from texts")
        await service.handle(
            Work("s", lambda _: Do((Happened("again"),)), pointers=written.pointers),
            Context("tester", uuid4()),
        )
        await emptied(unit)
    found: dict[str, list[bytes | None]] = defaultdict(list)
    for record in await topic.read(4):
        assert "ce_sequence" not in dict(record.headers)
        found[record.key.decode()].append(record.value)
    said, gone = found[str(person.person_id)]
    assert gone is None
    assert Person.model_validate_json(said or b"") == person
    said, gone = found[str(text.text_id)]
    assert gone is None
    assert Text.model_validate_json(said or b"") == text


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker that this test may stop."""
    server = EmbeddedKafka(tmp_path_factory.mktemp("own") / "kafka")
    server.start()
    yield server
    server.stop()


async def test_while_kafka_is_away_facts_are_kept_and_then_said_in_order(
    unit: Ledger, dsn: str, own_kafka: EmbeddedKafka
) -> None:
    async with bus(own_kafka.bootstrap) as topic:
        service = speaking(unit, topic)
        async with relaying(service, dsn, topic.bootstrap) as relay:
            await do(service, "s", TOLD)
            await emptied(unit)
            await asyncio.to_thread(own_kafka.kill)
            for _ in range(10):
                await do(service, "s", TOLD)
            async with asyncio.timeout(30):
                while not relay.kafka_away:  # noqa: ASYNC110 - it does not call back
                    await asyncio.sleep(0.05)
            assert await count(unit.pool, "outbox") == 10
            await asyncio.to_thread(own_kafka.start)
            await emptied(unit)
            records = await topic.read(11)
    (said,) = numbers(records).values()
    assert list(dict.fromkeys(said)) == list(range(1, 12)), "repeated ones aside, all in order"
