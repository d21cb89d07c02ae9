"""What a person does about a record that waits: any Kafka tool or our own commands, once, in order (P3, P4, P5)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.topics import dead_letters_of
from shared.event_sourcing.outcomes import Refused
from shared.messaging.envelope import Header
from shared.messaging.relay import Relay
from shared.messaging.unblocking import Released, discard, release, skip
from tests.support.bus import Bus, Record, Taken, consuming, counted, fact, received, until
from tests.support.ledger import Ledger, count, history

REASON: Mapping[str, Any] = {"by": "operator", "why": "uji coba"}


def stream() -> str:
    return str(uuid4())


async def blocked_ids(unit: Ledger) -> list[int]:
    return [row["id"] for row in await unit.pool.fetch("select id from blocked order by sequence")]


async def until_parked(unit: Ledger, number: int) -> None:
    waiting = "select count(*) from blocked where reason is not null"
    async with asyncio.timeout(20):
        while await unit.pool.fetchval(waiting) != number:  # noqa: ASYNC110 - a database does not call back
            await asyncio.sleep(0.05)


async def parked(unit: Ledger, topic: Bus, name: str, *, successors: int = 2) -> Taken:
    """A stream whose first fact our code fails on; the others are held behind it. The repaired program comes back."""
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(
            fact(name, 1, "BROKEN"), *(fact(name, 2 + each) for each in range(successors))
        )
        await received(taking.name, 1 + successors)
    repaired = topic.subscription(unit, taking.name)
    react = repaired._react  # noqa: SLF001 - the next version of the program

    def mended(said: object, at: object) -> object:
        return react(said.model_copy(update={"agency_code": "BAPPEDA"}), at)  # type: ignore[attr-defined, arg-type]  # the test's own fact

    repaired._react = mended  # type: ignore[assignment]  # noqa: SLF001 - likewise
    return repaired


# --------------------------------------------------------------------------------------- release and discard


async def test_a_released_record_is_taken_in_and_its_successors_follow_in_order(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = await parked(unit, topic, name)
    head, *_ = await blocked_ids(unit)
    assert await release(taking, head) == Released(head, "taken_in", None, 2)
    assert len(await history(unit.pool, name)) == 3
    assert await count(unit.pool, "blocked") == 0
    assert await release(taking, head) == Released(head, "gone_before")


async def test_two_people_who_release_at_once_release_it_once(unit: Ledger, topic: Bus) -> None:
    name = stream()
    taking = await parked(unit, topic, name)
    head, *_ = await blocked_ids(unit)
    await asyncio.gather(*(release(taking, head) for _ in range(6)))
    assert len(await history(unit.pool, name)) == 3


async def test_a_record_that_still_fails_stays_with_its_reason(unit: Ledger, topic: Bus) -> None:
    name = stream()
    taking = await parked(unit, topic, name)
    head, *_ = await blocked_ids(unit)
    broken = topic.subscription(unit, taking.name)
    assert await release(broken, head) == Released(head, "parked", "error")
    assert await count(unit.pool, "blocked") == 3
    assert await history(unit.pool, name) == []


async def test_a_discarded_record_is_kept_with_who_and_why_and_its_stream_goes_on(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = await parked(unit, topic, name)
    head, second, _ = await blocked_ids(unit)
    with pytest.raises(Refused, match="behind_another"):
        await discard(taking, second, **REASON)
    assert await discard(taking, head, **REASON) == 2
    assert len(await history(unit.pool, name)) == 2
    (row,) = await unit.pool.fetch("select * from discarded")
    assert (row["sequence"], row["discarded_by"], row["why"]) == (1, "operator", "uji coba")
    assert b"BROKEN" in row["value"]
    with pytest.raises(Refused, match="not_waiting"):
        await discard(taking, head, **REASON)


async def test_a_number_that_never_came_is_given_up_and_those_behind_it_follow(
    unit: Ledger, topic: Bus
) -> None:
    name = stream()
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(name, 1), fact(name, 3), fact(name, 4))
        await received(taking.name, 3)
    assert await skip(taking, topic.topic, name, **REASON) == 2
    assert len(await history(unit.pool, name)) == 3
    (row,) = await unit.pool.fetch("select sequence, reason, discarded_by from discarded")
    assert tuple(row) == (2, "never_came", "operator")
    with pytest.raises(Refused, match="nothing_held"):
        await skip(taking, topic.topic, name, **REASON)


async def test_a_record_of_no_stream_can_only_be_discarded(unit: Ledger, topic: Bus) -> None:
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(fact(stream(), 1).without("ce_sequence"))
        await received(taking.name, 1)
    (loose,) = await blocked_ids(unit)
    with pytest.raises(Refused, match="not_of_a_stream"):
        await release(taking, loose)
    assert await discard(taking, loose, **REASON) == 0
    assert await count(unit.pool, "blocked") == 0


# --------------------------------------------------------------------------------------------- dead letters


@pytest.fixture
async def mirrored(unit: Ledger, dsn: str, topic: Bus) -> AsyncIterator[tuple[Taken, Bus]]:
    """A service at work with its relay, and its dead-letter topic."""
    taking = topic.subscription(unit)
    name = dead_letters_of(topic.topic, taking.name)
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 3, 1)])
    relay = asyncio.create_task(Relay(dsn, topic.bootstrap, "ledger", unit.wakeups).run())
    async with consuming(unit, topic.bootstrap, taking):
        yield taking, Bus(topic.bootstrap, name, topic.producer)
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)
    await admin.delete_topics([name])
    await admin.close()


def as_sent(record: ConsumerRecord) -> Record:
    """What any tool copies: key, value and headers, whatever they are."""
    return Record(record.key, record.value, record.headers)


async def test_a_parked_record_stands_on_its_dead_letter_topic_as_kafka_tools_expect_it(
    topic: Bus, mirrored: tuple[Taken, Bus]
) -> None:
    taking, dead = mirrored
    name, other = stream(), fact(stream(), 2).but(("ce_type", None), ("x-any", b"\xff"))
    await topic.send(fact(name, 1, "BROKEN"), fact(name, 2), other)
    letters = {letter.key: letter for letter in await dead.read(2)}
    letter = letters[name.encode()]
    about = {key: value for key, value in letter.headers if key.startswith("kafka_dlt-")}
    (sent,) = [each for each in await topic.read(3) if dict(each.headers)["ce_sequence"] == b"1"]
    assert (letter.partition, letter.value) == (sent.partition, sent.value)
    assert [each for each in letter.headers if each[0] not in about] == list(sent.headers)
    assert about["kafka_dlt-original-topic"] == topic.topic.encode()
    assert int.from_bytes(about["kafka_dlt-original-partition"], "big") == sent.partition
    assert int.from_bytes(about["kafka_dlt-original-offset"], "big") == sent.offset
    assert about["kafka_dlt-original-consumer-group"] == taking.name.encode()
    assert about["kafka_dlt-exception-message"] == b"error: ArithmeticError: our own fault"
    assert dict(letters[other.key].headers)["x-any"] == b"\xff", "odd headers come along"


async def test_a_dead_letter_copied_back_is_tried_again_once_however_often_it_is_copied(
    unit: Ledger, topic: Bus, mirrored: tuple[Taken, Bus]
) -> None:
    taking, dead = mirrored
    name = stream()
    await topic.send(fact(name, 1, "BROKEN"), fact(name, 2))
    (letter,) = await dead.read(1)
    copy = as_sent(letter)
    assert copy.value is not None
    corrected = Record(copy.key, copy.value.replace(b"BROKEN", b"MENDED"), copy.headers)
    await topic.send(corrected, corrected, corrected)
    outcomes = await received(taking.name, 5)
    assert outcomes == {"parked": 1, "held": 1, "applied": 1, "drained": 1, "duplicate": 2}
    assert len(await history(unit.pool, name)) == 2


async def reasons(unit: Ledger) -> list[tuple[str, int]]:
    rows = await unit.pool.fetch("select reason, octet_length(value) from blocked order by id")
    return [tuple(row) for row in rows]


MALFORMED = b'{"request_id": '
LARGE = b'{"request_id": "' + b"x" * 600_000


@pytest.mark.parametrize("value", [MALFORMED, LARGE], ids=["small", "too large to be mirrored"])
@pytest.mark.parametrize("loose", [False, True], ids=["of a stream", "loose"])
async def test_copies_of_a_letter_that_is_still_bad_change_nothing_and_are_not_mirrored_again(
    unit: Ledger, topic: Bus, mirrored: tuple[Taken, Bus], value: bytes, *, loose: bool
) -> None:
    taking, dead = mirrored
    bad = replace(fact(stream(), 1), value=value)
    await topic.send(bad.without("ce_sequence") if loose else bad)
    (letter,) = await dead.read(1)
    before = await reasons(unit), await blocked_ids(unit)
    await topic.send(as_sent(letter), as_sent(letter))
    assert await received(taking.name, 3) == {"parked": 1, "duplicate": 2}
    assert (await reasons(unit), await blocked_ids(unit)) == before
    assert before[0][0][1] == len(value)
    assert await count(unit.pool, "outbox") == 0
    assert await dead.ends() == 1


async def test_a_letter_our_code_still_fails_on_may_be_copied_as_often_as_one_likes(
    unit: Ledger, topic: Bus, mirrored: tuple[Taken, Bus]
) -> None:
    taking, dead = mirrored
    name = stream()
    await topic.send(fact(name, 1, "BROKEN"), fact(name, 2), fact(name, 3, "UNSTORABLE"))
    (letter,) = await dead.read(1)
    before = await blocked_ids(unit)
    await topic.send(as_sent(letter), as_sent(letter))
    assert await received(taking.name, 5) == {"parked": 1, "held": 2, "duplicate": 2}
    assert await blocked_ids(unit) == before
    await topic.send(fact(name, 1))
    assert (await received(taking.name, 6))["applied"] == 1
    await until_parked(unit, 1)
    for letter in [each for each in await dead.read(2) if b"UNSTORABLE" in (each.value or b"")]:
        await topic.send(as_sent(letter), as_sent(letter))
    assert (await received(taking.name, 8))["duplicate"] == 4
    assert (await reasons(unit))[0][0] == "error"
    assert await dead.ends() == 2


async def test_a_letter_copied_back_to_a_repaired_program_is_taken_in_where_it_stands(
    unit: Ledger, topic: Bus, mirrored: tuple[Taken, Bus]
) -> None:
    taking, dead = mirrored
    name = stream()
    await topic.send(fact(name, 1, "BROKEN"), fact(name, 2))
    (letter,) = await dead.read(1)
    react = taking._react  # noqa: SLF001 - the next version of the program
    taking._react = lambda said, at: react(said.model_copy(update={"agency_code": "BAPPEDA"}), at)  # noqa: SLF001 - likewise
    await topic.send(as_sent(letter), as_sent(letter))
    assert await received(taking.name, 4) == {
        "parked": 1, "held": 1, "applied": 1, "drained": 1, "duplicate": 1,
    }  # fmt: skip
    assert await count(unit.pool, "blocked") == 0


async def test_a_letter_of_another_group_and_one_that_was_discarded_are_known(
    unit: Ledger, topic: Bus, mirrored: tuple[Taken, Bus]
) -> None:
    taking, dead = mirrored
    await topic.send(fact(stream(), 1).without("ce_sequence"))
    (letter,) = await dead.read(1)
    (row,) = await blocked_ids(unit)
    await discard(taking, row, **REASON)
    other = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, other):
        await topic.send(as_sent(letter))
        assert await received(taking.name, 2) == {"parked": 1, "duplicate": 1}
        assert await received(other.name, 2) == {"parked": 1, "duplicate": 1}


async def test_what_has_bytes_is_not_given_up_for_a_record_without(
    unit: Ledger, topic: Bus
) -> None:
    bad = replace(fact(stream(), 1), value=MALFORMED)
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(bad, replace(bad, value=None))
        assert await received(taking.name, 2) == {"parked": 1, "duplicate": 1}
    assert await reasons(unit) == [("malformed_value", len(MALFORMED))]


@pytest.mark.parametrize("headers", [
    [("kafka_dlt-original-topic", b"\0"), ("kafka_dlt-original-partition", b""), ("kafka_dlt-original-offset", b"")],
    [("kafka_dlt-original-topic", None), ("kafka_dlt-original-partition", b"\xff" * 40)],
    [("kafka_dlt-original-partition", b"\xff" * 40), ("kafka_dlt-original-offset", b"\xff" * 40)],
])  # fmt: skip
async def test_odd_headers_of_a_dead_letter_are_no_reason_to_stop(
    unit: Ledger, topic: Bus, headers: list[Header]
) -> None:
    odd = fact(stream(), 1).without("ce_sequence").but(*headers)
    topics_own = odd.but(("kafka_dlt-original-topic", topic.topic.encode()))
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await topic.send(odd, topics_own, fact(stream(), 1))
        assert await received(taking.name, 3) == {"parked": 2, "applied": 1}


async def test_a_record_that_was_taken_in_before_it_was_mirrored_is_not_mirrored(
    unit: Ledger, topic: Bus, dsn: str
) -> None:
    name = stream()
    taking = await parked(unit, topic, name)
    assert await count(unit.pool, "outbox") == 1
    head, *_ = await blocked_ids(unit)
    await release(taking, head)
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(dead_letters_of(topic.topic, taking.name), 3, 1)])
    relay = asyncio.create_task(Relay(dsn, topic.bootstrap, "ledger", unit.wakeups).run())
    try:
        async with asyncio.timeout(20):
            while await count(unit.pool, "outbox"):  # noqa: ASYNC110 - a database does not call back
                await asyncio.sleep(0.05)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await admin.close()
    await until(lambda: counted(taking.name).get("drained") == 3)
