"""What somebody else puts on our topics under our name never becomes ours, whatever is held up or killed (P2)."""

import asyncio
from uuid import uuid4

import asyncpg
import orjson
import pytest

from shared.messaging.envelope import headers
from shared.messaging.said_to import KEEP_SECONDS, kept
from tests.integration.messaging.test_recovery import TOLD, TYPE, Producer, holding, lost
from tests.integration.messaging.test_relay import relaying
from tests.support import requests as r
from tests.support.backups import owner_of
from tests.support.bus import Bus, Record
from tests.support.ledger import do
from tests.support.servers import Databases

HELD_UP = """
create function held_up() returns trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock_shared(42); return null; end $$;
create trigger held_up before delete on outbox for each statement execute function held_up();
"""


@pytest.fixture
def producer(databases: Databases, topic: Bus) -> Producer:
    return Producer(databases, topic)


async def test_what_is_forged_under_our_name_recovers_nothing_while_our_database_knows_all_it_said(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    """Nobody but us may write our topics; where somebody can, no number, name or stream of ours follows from it."""
    async with producer.at_work(dsn) as unit:
        await do(unit, "kept", holding("one"))
    async with producer.at_work(dsn) as unit:
        await producer.recovery(unit, dsn).at_start()
        forged = forgery("forged", 1, "holds two"), forgery("kept", 2, "number 2026/99")
        await topic.send(*forged)
        await producer.recovery(unit, dsn).at_start()
        assert await lost(unit) == []
        assert not await unit.pool.fetch("select * from numbers")
        await do(unit, "honest", holding("two"))


def forgery(stream_id: str, number: int, what: str) -> Record:
    written = headers(
        event_id=uuid4(), source="ledger", ce_type=TYPE, time=r.MONDAY, subject=stream_id, sequence=number,
        correlation_id=uuid4(), causation_id=None, traceparent=None,
    )  # fmt: skip
    return Record(stream_id.encode(), orjson.dumps({"what": what, "count": 1}), written)


async def test_a_relay_held_up_between_the_ack_and_its_own_database_makes_nothing_forged_ours(
    producer: Producer, dsn: str, topic: Bus
) -> None:
    """Kafka must not remember more than a database that nobody put back: it would look restored."""
    async with producer.at_work(dsn) as unit:
        await do(unit, "before", TOLD)
    owner = await asyncpg.connect(owner_of(producer.databases, dsn))
    await owner.execute(HELD_UP)
    await owner.execute("select pg_advisory_lock(42)")
    async with producer.at_work(dsn) as unit, relaying(unit, dsn, topic.bootstrap):
        ended, before = await topic.ends(), await kept(topic.bootstrap, "ledger")
        await topic.send(forgery("acknowledged", 7, "holds two"))
        await do(unit, "acknowledged", TOLD)
        async with asyncio.timeout(20):
            while await topic.ends() < ended + 2:  # noqa: ASYNC110 - Kafka does not call back
                await asyncio.sleep(0.05)
        await asyncio.sleep(5 * KEEP_SECONDS)
        assert await kept(topic.bootstrap, "ledger") == before, "no more than the database knows"
        await producer.recovery(unit, dsn).at_start()
        await owner.close()
        assert await lost(unit) == []
