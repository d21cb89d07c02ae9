"""A database that was restored is behind the topics: nothing is lost, and nothing is given twice (P2, P12)."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import orjson
import pytest

from deploy.local.children import free_port
from shared.event_sourcing.codec import GENESIS, link
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.rebuild import rebuild
from shared.event_sourcing.store import NumberTaken, Published, Reserve, load
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.messaging.envelope import headers
from shared.messaging.recovery import Recovery
from shared.messaging.republishing import Owned, republish
from tests.integration.messaging.test_relay import emptied, relaying
from tests.integration.messaging.test_republishing import wire
from tests.support import requests as r
from tests.support import topics
from tests.support.backups import copy_of, owner_of
from tests.support.bus import Bus, Record, fact
from tests.support.ledger import DEFINITION, Do, Happened, History, Ledger, context, do, ledger
from tests.support.servers import Databases

TOLD = Happened("told", tell=True)
TYPE = "datacloud.happened.v1"


@dataclass(frozen=True, slots=True)
class Producer:
    """A service that says its facts on the test's own topic, and can be put back to an earlier day."""

    databases: Databases
    topic: Bus

    def unit(self, plain: Ledger) -> Ledger:
        def publish(event: Happened, state: History) -> Published | None:
            value = orjson.dumps({"what": event.what, "count": len(state)})
            return Published(self.topic.topic, TYPE, value) if event.tell else None

        definition = replace(DEFINITION, publish=publish, recovered=recovered, views=("notes",))
        return UnitOfWork(plain.pool, definition)

    @asynccontextmanager
    async def at_work(self, dsn: str, *, says: bool = True) -> AsyncIterator[Ledger]:
        """On this database; what it has to say is said when the block ends."""
        async with ledger(dsn, owner_of(self.databases, dsn)) as plain:
            unit = self.unit(plain)
            yield unit
            if says:
                async with relaying(unit, dsn, self.topic.bootstrap):
                    await emptied(unit)

    def recovery(self, unit: Ledger, dsn: str, bootstrap: str = "") -> Recovery:
        return Recovery(unit, dsn, bootstrap or self.topic.bootstrap, [self.topic.topic])

    async def copy(self, dsn: str) -> str:
        return await copy_of(self.databases, dsn)


def recovered(said: Published) -> Iterable[Reserve | NumberTaken]:
    """As `numbered` and `holding` say it."""
    what, _, told = orjson.loads(said.value)["what"].partition(" ")
    if what == "number":
        year, number = told.split("/")
        yield NumberTaken("book", int(year), int(number))
    if what == "holds":
        yield Reserve(told)


def numbered(stream_id: str) -> Work[Do]:
    """The next number of the book is said in public."""
    return Work(
        stream_id,
        lambda given: Do((Happened(f"number {given.year}/{given.number}", tell=True),)),
        number_series="book",
    )


def holding(name: str) -> Happened:
    return Happened(f"holds {name}", tell=True, reserve=name)


@pytest.fixture
def producer(databases: Databases, topic: Bus) -> Producer:
    return Producer(databases, topic)


async def said_numbers(topic: Bus, count: int) -> dict[str, list[int]]:
    """What a foreign reader sees: of every stream the numbers, each with one id, in order, without holes."""
    ids: dict[tuple[bytes, int], set[bytes]] = defaultdict(set)
    numbers: dict[str, list[int]] = defaultdict(list)
    for record in await topic.read(count):
        told = dict(record.headers)
        number = int(told["ce_sequence"])
        ids[(record.key, number)].add(told["ce_id"])
        if number not in numbers[record.key.decode()]:
            numbers[record.key.decode()].append(number)
    assert all(len(each) == 1 for each in ids.values()), "two facts under one number"
    for stream, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), stream
    return dict(numbers)


async def the_chain_holds(unit: Ledger) -> None:
    rows = await unit.pool.fetch("select * from events order by stream_id, version")
    hashes = {row["stream_id"]: GENESIS for row in rows}
    for row in rows:
        hashes[row["stream_id"]] = link(
            hashes[row["stream_id"]], *tuple(row)[:2], *tuple(row)[3:10]
        )
        assert hashes[row["stream_id"]] == row["hash"]


async def lost(unit: Ledger) -> list[tuple[str, int]]:
    """The facts that were recovered."""
    rows = await unit.pool.fetch(
        "select stream_id, published from events where type = 'fact_recovered' order by 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_a_producer_restored_from_yesterday_goes_on_behind_its_topic(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    async with producer.at_work(dsn) as unit:
        await do(unit, "kept", TOLD, holding("one"))
        await unit.handle(numbered("kept"), context())
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        await do(unit, "kept", TOLD, Happened("quiet"), TOLD)
        await do(unit, "gone", holding("two"))
        for _ in range(3):
            await unit.handle(numbered("gone"), context())
    before = await topic.read(9)
    async with producer.at_work(yesterday) as unit:
        await producer.recovery(unit, yesterday).at_start()
        assert await lost(unit) == [
            ("gone", 1),
            ("gone", 2),
            ("gone", 3),
            ("gone", 4),
            ("kept", 4),
            ("kept", 5),
        ]
        await the_chain_holds(unit)
        assert not await unit.pool.fetch("select * from outbox")
        (book,) = await unit.pool.fetch("select last from numbers")
        assert book["last"] == 4, "the register goes on behind the last number there is"
        with pytest.raises(Refused, match="name_reserved"):
            await do(unit, "third", holding("two"))
        handled = await unit.handle(numbered("kept"), context())
        assert handled.events[0].what.endswith("/5")
        assert handled.state == ("told", "holds one", handled.state[2], handled.events[0].what)
        await do(unit, "gone", TOLD)
        compared = await rebuild(
            owner_of(producer.databases, yesterday), unit.definition, check=True
        )
        assert not compared.views[0].differs
    assert await said_numbers(topic, 11) == {"kept": [1, 2, 3, 4, 5, 6], "gone": [1, 2, 3, 4, 5]}
    after = await topic.read(11)
    assert {key: told[:-1] for key, told in wire(after).items()} == wire(before), "nothing again"
    async with producer.at_work(yesterday) as unit:
        outcome = await again(producer, unit, yesterday)
        assert outcome == (0, 0), "what was recovered is known"


async def again(producer: Producer, unit: Ledger, dsn: str) -> tuple[int, int]:
    """How much another start recovers, and how much is read though nothing is new."""
    before = len(await lost(unit))
    await producer.recovery(unit, dsn).at_start()
    behind = await unit.pool.fetchval("select count(*) from outbox")
    return len(await lost(unit)) - before, int(behind)


async def test_what_was_recovered_is_said_again_when_the_topic_is_lost(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        for number in range(12):
            await do(unit, f"s{number % 3}", TOLD)
    before = wire(await topic.read(12))
    async with producer.at_work(yesterday) as unit:
        await producer.recovery(unit, yesterday).done()
        await topics.lose(topic.bootstrap, topic.topic)
        owner = owner_of(producer.databases, yesterday)
        assert await republish(owner, Owned({})) == {topic.topic: {"facts": 12}}
        await topics.make(topic.bootstrap, topic.topic)
    assert wire(await topic.read(12)) == before


async def test_what_was_decided_while_kafka_was_away_is_said_behind_what_was_lost(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    async with producer.at_work(dsn) as unit:
        await do(unit, "s", TOLD)
        await do(unit, "quiet", TOLD)
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        await do(unit, "s", TOLD, TOLD, TOLD)
    async with producer.at_work(yesterday) as unit:
        recovery = producer.recovery(unit, yesterday, f"127.0.0.1:{free_port()}")
        await recovery.at_start()
        assert recovery.kafka_away
        await do(unit, "s", Happened("first", tell=True), Happened("second", tell=True))
        await do(unit, "quiet", TOLD)
        await do(unit, "new", TOLD)
        await producer.recovery(unit, yesterday).done()
        await do(unit, "s", Happened("third", tell=True))
        assert (await state(unit, "s")) == ("told", "first", "second", "third")
        await the_chain_holds(unit)
    assert await said_numbers(topic, 10) == {
        "s": [1, 2, 3, 4, 5, 6, 7],
        "quiet": [1, 2],
        "new": [1],
    }
    said = [orjson.loads(each.value)["what"] for each in await topic.read(10) if each.key == b"s"]
    assert said == ["told"] * 4 + ["first", "second", "third"]
    before = wire(await topic.read(10))
    await topics.lose(topic.bootstrap, topic.topic)
    await republish(owner_of(producer.databases, yesterday), Owned({TYPE: topic.topic}))
    await topics.make(topic.bootstrap, topic.topic)
    async with producer.at_work(yesterday):
        pass
    assert wire(await topic.read(10)) == before


async def state(unit: Ledger, stream_id: str) -> History:
    async with unit.pool.acquire() as connection:
        return (await load(connection, unit.definition, unit.codec, [stream_id]))[stream_id].state


async def test_an_empty_database_recovers_all_there_is_whoever_starts(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    empty = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        for number in range(300):
            await do(unit, f"s{number % 100}", TOLD)
    async with producer.at_work(empty) as unit:
        await asyncio.gather(*(producer.recovery(unit, empty).done() for _ in range(3)))
        expected = sorted(
            (f"s{number}", sequence) for number in range(100) for sequence in (1, 2, 3)
        )
        assert await lost(unit) == expected
        await do(unit, "s7", TOLD)
    assert (await said_numbers(topic, 301))["s7"] == [1, 2, 3, 4]


async def test_a_topic_that_was_made_again_since_the_backup_is_read_from_its_beginning(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    async with producer.at_work(dsn) as unit:
        for _ in range(20):
            await do(unit, "s", TOLD)
    async with producer.at_work(dsn) as unit:
        await producer.recovery(
            unit, dsn
        ).at_start()  # as every start does: it notes which topic this is
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        await do(unit, "early", TOLD)
        await topics.lose(topic.bootstrap, topic.topic)
        await topics.make(topic.bootstrap, topic.topic)
    async with producer.at_work(dsn) as unit:
        await republish(owner_of(producer.databases, dsn), Owned({TYPE: topic.topic}))
    async with producer.at_work(yesterday, says=False) as unit:
        await producer.recovery(unit, yesterday).at_start()
        assert await lost(unit) == [("early", 1)]


async def test_what_others_put_on_the_topic_is_not_taken_for_our_own(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    async with producer.at_work(dsn) as unit:
        await do(unit, "s", TOLD, TOLD)
    ours = [Record(each.key, each.value, each.headers) for each in await topic.read(2)]
    stranger = Record(b"s", b"{}", headers(
        event_id=uuid4(), source="ledger", ce_type=TYPE, time=r.MONDAY, subject="s", sequence=2,
        correlation_id=uuid4(), causation_id=None, traceparent=None,
    ))  # fmt: skip
    await topic.send(
        *ours,
        stranger,
        fact(str(uuid4()), 1),
        ours[0].but(("ce_sequence", b"-1")),
        Record(None, None, []),
    )
    async with producer.at_work(dsn) as unit:
        await producer.recovery(unit, dsn).at_start()
        assert await lost(unit) == []
        begun = time.perf_counter()
        await producer.recovery(unit, dsn).at_start()
        assert time.perf_counter() - begun < 0.5, "nothing to read costs next to nothing"


async def test_a_start_without_kafka_goes_on_at_once_and_nobody_speaks_before_it_is_back(
    producer: Producer, dsn: str
) -> None:
    async with producer.at_work(dsn, says=False) as unit:
        recovery = producer.recovery(unit, dsn, f"127.0.0.1:{free_port()}")
        begun = time.perf_counter()
        await recovery.at_start()
        assert time.perf_counter() - begun < 4
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(recovery.done(), 1)


async def test_a_database_known_to_be_put_back_accepts_nothing_before_kafka_is_there(
    producer: Producer, dsn: str
) -> None:
    async with producer.at_work(dsn) as unit:
        await unit.handle(numbered("s"), context())
        await producer.recovery(unit, dsn).at_start()
    yesterday = await producer.copy(dsn)
    async with producer.at_work(dsn) as unit:
        await unit.handle(numbered("s"), context())
        await producer.recovery(unit, dsn, f"127.0.0.1:{free_port()}").at_start()  # not put back
    async with producer.at_work(yesterday) as unit:
        without_kafka = producer.recovery(unit, yesterday, f"127.0.0.1:{free_port()}")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(without_kafka.at_start(), 2)
        await producer.recovery(unit, yesterday).at_start()
        await without_kafka.at_start()
        assert (await unit.handle(numbered("s"), context())).events[0].what.endswith("/3")
