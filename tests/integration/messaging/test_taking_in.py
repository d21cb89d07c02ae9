"""Every fact is taken in once and in order, whoever reads again, crashes, comes later or is away (P3, P4, P5, P12)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.event_sourcing.store import Reserve
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging import taking as taking_module
from shared.messaging.blocked import Received
from shared.messaging.taking import Mode
from tests.support.bus import Bus, consuming, counted, fact, received, until
from tests.support.ledger import DEFINITION, Ledger, count, history, ledger
from tests.support.servers import Databases


def stream() -> str:
    return str(uuid4())


async def noted(unit: Ledger) -> dict[str, int]:
    """How often each stream was acted on."""
    rows = await unit.pool.fetch("select stream_id, count(*) from events group by stream_id")
    return {row["stream_id"]: row["count"] for row in rows}


async def test_each_fact_is_applied_once_and_its_cause_is_kept(unit: Ledger, topic: Bus) -> None:
    streams = [stream() for _ in range(20)]
    for number in (1, 2, 3):
        await topic.send(*(fact(each, number) for each in streams))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        assert await received(taking.name, 60) == {"applied": 60}
    assert await noted(unit) == dict.fromkeys(streams, 3)
    stored = await unit.pool.fetchval(
        "select sum(next) from offsets where subscription = $1", taking.name
    )
    assert stored == 60
    (row, *_) = await history(unit.pool, streams[0])
    (first, *_) = [each for each in await topic.read(60) if each.key == streams[0].encode()]
    caused_by = dict(first.headers)
    assert caused_by["ce_id"] in row["metadata"]
    assert caused_by["ce_correlationid"] in row["metadata"]


async def test_the_same_record_twice_is_a_duplicate_and_another_of_its_number_a_conflict(
    unit: Ledger, topic: Bus
) -> None:
    name, good = stream(), fact(stream(), 1)
    twice = fact(name, 1, fact_id=str(uuid4()))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(twice, twice, fact(name, 1), good, fact(name, 2))
        expected = {"applied": 3, "duplicate": 1, "parked": 1}
        assert await received(taking.name, 5) == expected
    assert (await noted(unit))[name] == 2, "a forger blocks nobody's stream"
    (row,) = await unit.pool.fetch("select reason, sequence from blocked")
    assert tuple(row) == ("conflict", 1)


async def test_a_forged_fact_does_not_take_the_place_of_one_that_waits_for_its_predecessor(
    unit: Ledger, topic: Bus
) -> None:
    name, good = stream(), str(uuid4())
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        held = fact(name, 2, fact_id=good)
        await topic.send(held, fact(name, 2), held, fact(name, 1))
        expected = {"applied": 1, "held": 2, "drained": 1, "parked": 1}
        assert await received(taking.name, 4) == expected
    assert await noted(unit) == {name: 2}
    (row,) = await unit.pool.fetch("select reason, fact_id from blocked")
    assert row["reason"] == "conflict"
    assert str(row["fact_id"]) != good


async def test_facts_behind_a_gap_wait_for_it_and_follow_in_order(unit: Ledger, topic: Bus) -> None:
    name, other = stream(), stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 1), fact(name, 4), fact(name, 3), fact(other, 1))
        assert await received(taking.name, 4) == {"applied": 2, "held": 2}
        assert await noted(unit) == {name: 1, other: 1}
        await topic.send(fact(name, 2))
        assert await received(taking.name, 5) == {"applied": 3, "held": 2, "drained": 2}
    assert await noted(unit) == {name: 4, other: 1}
    assert await count(unit.pool, "blocked") == 0


async def test_a_fact_our_code_fails_on_holds_up_its_successors_and_nobody_else(
    unit: Ledger, topic: Bus
) -> None:
    name, other = stream(), stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 1, "BROKEN"), fact(name, 2), fact(name, 3), fact(other, 1))
        assert await received(taking.name, 4) == {"applied": 1, "parked": 1, "held": 2}
    assert await noted(unit) == {other: 1}
    rows = await unit.pool.fetch("select sequence, reason, detail from blocked order by 1")
    assert [row["reason"] for row in rows] == ["error", None, None]
    assert rows[0]["detail"] == "ArithmeticError: our own fault"


async def test_a_name_that_is_taken_refuses_the_fact_and_no_other_of_its_batch(
    unit: Ledger, topic: Bus
) -> None:
    one_name = replace(DEFINITION, reserve=lambda *_: [Reserve("the only one")])
    taking = topic.subscription(UnitOfWork(unit.pool, one_name))
    first, second = stream(), stream()
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(first, 1))
        await received(taking.name, 1)
        await topic.send(fact(second, 1), fact(stream(), 1, "IGNORED"))
        assert await received(taking.name, 3) == {"applied": 1, "refused": 1, "ignored": 1}
    assert await noted(unit) == {first: 1}


async def test_a_fact_whose_effect_the_database_refuses_waits_alone_with_its_successors(
    unit: Ledger, topic: Bus
) -> None:
    name, others = stream(), [stream() for _ in range(9)]
    await topic.send(*(fact(each, 1) for each in (*others, name)))
    await topic.send(fact(name, 2, "UNSTORABLE"), fact(name, 3), *(fact(o, 2) for o in others))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        assert await received(taking.name, 21) == {"applied": 19, "parked": 1, "held": 1}
    assert await noted(unit) == {name: 1, **dict.fromkeys(others, 2)}
    rows = await unit.pool.fetch("select sequence, reason from blocked order by 1")
    assert [tuple(row) for row in rows] == [(2, "error"), (3, None)]


async def test_a_held_fact_that_the_database_refuses_does_not_cost_the_one_it_waited_for(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 2, "UNSTORABLE"), fact(name, 3))
        await received(taking.name, 2)
        await topic.send(fact(name, 1))
        assert await received(taking.name, 3) == {"applied": 1, "held": 2}
        await until(lambda: counted(taking.name).get("applied") == 1)
    assert await noted(unit) == {name: 1}
    rows = await unit.pool.fetch("select sequence, reason from blocked order by 1")
    assert [tuple(row) for row in rows] == [(2, "error"), (3, None)]


async def test_a_corrected_fact_takes_the_place_of_a_parked_one_and_its_successors_follow(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 1, "BROKEN"), fact(name, 2))
        assert await received(taking.name, 2) == {"parked": 1, "held": 1}
        await topic.send(fact(name, 1))
        expected = {"applied": 1, "parked": 1, "held": 1, "drained": 1}
        assert await received(taking.name, 3) == expected
    assert await noted(unit) == {name: 2}
    assert await count(unit.pool, "blocked") == 0


async def test_what_a_crash_left_ready_is_taken_in_at_the_next_start(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 1), fact(name, 3), fact(name, 4, "BROKEN"))
        await received(taking.name, 3)
    await unit.pool.execute("update marks set sequence = 2")  # 2 went in, and then the power failed
    async with consuming(unit, topic.bootstrap, taking):
        await until(lambda: counted(taking.name).get("drained") == 1)
    assert await noted(unit) == {name: 2}
    (row,) = await unit.pool.fetch("select sequence, reason from blocked")
    assert tuple(row) == (4, "error"), "it keeps its bytes and waits for a person"


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_of_a_foreign_producer_may_be_compressed(
    unit: Ledger, topic: Bus, codec: str
) -> None:
    taking, said = topic.subscription(unit), fact(stream(), 1)
    async with (
        consuming(unit, topic.bootstrap, taking),
        AIOKafkaProducer(bootstrap_servers=topic.bootstrap, compression_type=codec) as producer,
    ):
        await producer.send_and_wait(
            topic.topic, said.value, key=said.key, headers=list(said.headers)
        )
        assert await received(taking.name, 1) == {"applied": 1}


async def test_a_record_is_counted_once_however_often_the_batch_is_tried(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One half of a batch is in, the other waits for the database: only the other is tried again."""
    taking, attempts = topic.subscription(unit), 0
    commit = taking._commit  # noqa: SLF001 - the moment between two halves

    async def sometimes(records: Sequence[Received], mode: Mode) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            raise ConnectionResetError
        await commit(records, mode)

    monkeypatch.setattr(taking, "_commit", sometimes)
    name = stream()
    sent = [fact(name, 1, "UNSTORABLE"), *(fact(stream(), 1) for _ in range(3))]
    await topic.send(*(replace(each, partition=0) for each in sent))
    async with consuming(unit, topic.bootstrap, taking):
        assert await received(taking.name, 4) == {"applied": 3, "parked": 1}
    assert attempts > 3


async def test_when_our_code_fails_on_everything_nothing_is_parked_and_it_waits_for_a_better_program(
    unit: Ledger, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_module, "STREAMS_FAILING_MAX", 5)
    streams = [stream() for _ in range(8)]
    broken = [replace(fact(each, 1, "BROKEN"), partition=0) for each in streams]
    await topic.send(*broken)  # to one partition: they come as one batch
    taking = topic.subscription(unit)
    with structlog.testing.capture_logs() as told:
        async with consuming(unit, topic.bootstrap, taking):
            await until(lambda: any(each["event"] == "subscription_waits" for each in told))
            assert counted(taking.name) == {}
    assert await count(unit.pool, "blocked") == await count(unit.pool, "offsets") == 0
    repaired = topic.subscription(unit, taking.name)
    repaired._react = lambda *_: []  # noqa: SLF001 - the next version of the program
    async with consuming(unit, topic.bootstrap, repaired):
        assert await received(taking.name, 8) == {"ignored": 8}


# ------------------------------------------------------------------------------------ again, later, together


async def test_reading_everything_again_does_nothing_again(unit: Ledger, topic: Bus) -> None:
    streams = [stream() for _ in range(10)]
    await topic.send(*(fact(each, number) for number in (1, 2) for each in streams))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 20)
    await unit.pool.execute("delete from offsets")
    async with consuming(unit, topic.bootstrap, topic.subscription(unit, taking.name)):
        assert await received(taking.name, 40) == {"applied": 20, "duplicate": 20}
    assert await noted(unit) == dict.fromkeys(streams, 2)


async def test_a_restored_database_catches_up_by_itself(
    unit: Ledger, topic: Bus, restored: tuple[str, str]
) -> None:
    """Kafka remembers that all was read; the database does not, and it is the database that is right."""
    streams = [stream() for _ in range(10)]
    await topic.send(*(fact(each, 1) for each in streams))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await received(taking.name, 10)
        await committed_to(topic, taking.name, 10)
    async with ledger(*restored) as older:
        async with consuming(older, topic.bootstrap, topic.subscription(older, taking.name)):
            await received(taking.name, 20)
        assert await noted(older) == dict.fromkeys(streams, 1)


@pytest.fixture
def restored(databases: Databases) -> tuple[str, str]:
    """A second database, as it was before anything happened."""
    dsn = databases.make("complaints")
    return dsn, databases.dsn(dsn.rsplit("/", 1)[1], "complaints_owner")


async def committed_to(topic: Bus, group: str, total: int) -> None:
    """Wait until the group's offsets in Kafka say so."""
    reader = AIOKafkaConsumer(bootstrap_servers=topic.bootstrap, group_id=group)
    await reader.start()
    try:
        async with asyncio.timeout(10):
            partitions = [TopicPartition(topic.topic, number) for number in range(3)]
            while sum([await reader.committed(each) or 0 for each in partitions]) < total:  # noqa: ASYNC110 - a broker does not call back
                await asyncio.sleep(0.05)
    finally:
        await reader.stop()


async def test_two_processes_share_the_work_and_each_fact_is_applied_once(
    unit: Ledger, topic: Bus
) -> None:
    streams = [stream() for _ in range(60)]
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(*(fact(each, 1) for each in streams[:30]))
        await received(taking.name, 30)
        second = topic.subscription(unit, taking.name)
        async with consuming(unit, topic.bootstrap, second):
            await topic.send(*(fact(each, 1) for each in streams[30:]))
            await until(lambda: counted(taking.name).get("applied", 0) == 60)
        await topic.send(*(fact(each, 2) for each in streams))
        await until(lambda: counted(taking.name).get("applied", 0) == 120)
    assert Counter((await noted(unit)).values()) == {2: 60}
    assert await count(unit.pool, "blocked") == 0


# ----------------------------------------------------------------------------------------- the world is away


async def test_while_the_database_is_away_no_record_is_judged_and_then_all_is_taken_in(
    unit: Ledger, topic: Bus, databases: Databases
) -> None:
    name = str(await unit.pool.fetchval("select current_database()"))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(stream(), 1))
        await received(taking.name, 1)
        admin = await asyncpg.connect(databases.dsn("postgres", databases.admin))
        await admin.execute(f'alter database "{name}" allow_connections false')
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
        )
        await topic.send(*(fact(stream(), 1) for _ in range(20)))
        await asyncio.sleep(1.5)
        assert counted(taking.name)["received"] == 1
        await admin.execute(f'alter database "{name}" allow_connections true')
        await admin.close()
        assert await received(taking.name, 21) == {"applied": 21}
    assert await count(unit.pool, "blocked") == 0
