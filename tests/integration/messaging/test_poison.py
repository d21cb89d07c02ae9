"""Whatever a producer puts on a topic has one outcome, waits in its own stream alone, and stops nobody (P4, P5)."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.support.bus import Bus, RawName, Record, consuming, counted, fact, received
from tests.support.ledger import Ledger, history


def stream() -> str:
    return str(uuid4())


GOOD_STREAMS = 6
NO_NUMBER = "ce_sequence_not_a_positive_integer"


def about(agency: bytes) -> Callable[[Record], Record]:
    """A fact that makes our service do what the agency's name says."""
    return lambda good: replace(good, value=(good.value or b"").replace(b"BAPPEDA", agency))


# What is wrong with the second fact of a stream, what becomes of it, and the reason a person reads.
POISON: list[tuple[str, Callable[[Record], Record], str, str]] = [
    ("an empty value", lambda good: replace(good, value=None), "parked", "empty_value"),
    ("no bytes at all", lambda good: replace(good, value=b""), "parked", "malformed_value"),
    ("broken JSON", lambda good: replace(good, value=b'{"request_id": '), "parked", "malformed_value"),
    ("a list", lambda good: replace(good, value=b"[]"), "parked", "malformed_value"),
    ("bytes that are no text", lambda good: replace(good, value=b"\xff\xfe\x00"), "parked", "malformed_value"),
    ("nothing but brackets", lambda good: replace(good, value=b"[" * 100_000), "parked", "malformed_value"),
    ("a NUL in a text", about(b"BAP\\u0000PEDA"), "parked", "malformed_value"),
    ("a number of 4000 digits", about(b'","cycle":' + b"9" * 4000 + b',"x":"'), "parked", "malformed_value"),
    ("a field said twice", about(b'BAPPEDA","agency_code":"DINKES'), "parked", "malformed_value"),
    ("a field nobody knows yet", about(b'BAPPEDA","new_field":"x'), "applied", ""),
    ("a null type", lambda good: good.but(("ce_type", None)), "parked", "ce_type_null"),
    ("a type that is no text", lambda good: good.but(("ce_type", b"\xff")), "parked", "ce_type_not_utf8"),
    ("no type", lambda good: good.without("ce_type"), "parked", "ce_type_missing"),
    ("an unknown type", lambda good: good.but(("ce_type", b"datacloud.new_thing.v9")), "unknown_type", ""),
    ("an id that is none", lambda good: good.but(("ce_id", b"x")), "parked", "ce_id_not_a_uuid"),
    ("a foreign null header", lambda good: good.but(("x-any", None)), "parked", "header_null"),
    ("a foreign header of odd bytes", lambda good: good.but(("x-any", b"\xff")), "parked", "header_not_utf8"),
    ("no number", lambda good: good.without("ce_sequence"), "parked", "ce_sequence_missing"),
    ("number zero", lambda good: good.but(("ce_sequence", b"0")), "parked", NO_NUMBER),
    ("a number too large", lambda good: good.but(("ce_sequence", b"9" * 19)), "parked", NO_NUMBER),
    ("no subject", lambda good: good.without("ce_subject"), "parked", "ce_subject_missing"),
    ("another key", lambda good: replace(good, key=b"other"), "parked", "key_differs_from_subject"),
    ("no key", lambda good: replace(good, key=None), "parked", "key_missing"),
    ("a header whose name is no text", lambda good: good.but((RawName("x"), b"1")), "parked", "header_name_not_utf8"),
    ("a fact our code fails on", about(b"BROKEN"), "parked", "error"),
    ("a fact our domain refuses", about(b"REFUSED"), "refused", ""),
    ("a fact nobody needs", about(b"IGNORED"), "ignored", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "outcome", "reason"), [case[1:] for case in POISON], ids=[case[0] for case in POISON]
)
async def test_a_bad_record_has_its_outcome_and_all_other_streams_flow(
    unit: Ledger, topic: Bus, spoil: Callable[[Record], Record], outcome: str, reason: str
) -> None:
    bad, others = stream(), [stream() for _ in range(GOOD_STREAMS)]
    for each in (bad, *others):
        await topic.send(fact(each, 1))
    await topic.send(spoil(fact(bad, 2)))
    for each in others:
        await topic.send(fact(each, 2))
    subscription = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, subscription):
        outcomes = await received(subscription.name, 2 * GOOD_STREAMS + 2)
    applied = 2 * GOOD_STREAMS + 1
    expected = (
        {"applied": applied + 1} if outcome == "applied" else {"applied": applied, outcome: 1}
    )
    assert outcomes == expected
    for each in others:
        assert len(await history(unit.pool, each)) == 2
    reasons = [row["reason"] for row in await unit.pool.fetch("select reason from blocked")]
    assert reasons == ([reason] if reason else [])


async def test_all_of_it_at_once_is_sorted_out_once_and_then_there_is_peace(
    unit: Ledger, topic: Bus
) -> None:
    """No hot loop: after the last record nothing is read, tried or logged again."""
    good = [stream() for _ in range(GOOD_STREAMS)]
    for _, spoil, _, _ in POISON:
        bad = stream()
        await topic.send(fact(bad, 1), spoil(fact(bad, 2)))
    for number in (1, 2, 3):
        await topic.send(*(fact(each, number) for each in good))
    subscription = topic.subscription(unit)
    total = 2 * len(POISON) + 3 * GOOD_STREAMS
    async with consuming(unit, topic.bootstrap, subscription):
        outcomes = await received(subscription.name, total)
        await asyncio.sleep(0.5)
        busy = time.process_time()
        await asyncio.sleep(2)
        assert time.process_time() - busy < 1.0
        assert counted(subscription.name)["received"] == total
    assert set(outcomes) == {"applied", *(case[2] for case in POISON)}
    parked = sum(case[2] == "parked" for case in POISON)
    assert outcomes["parked"] == parked == await unit.pool.fetchval("select count(*) from blocked")
    for each in good:
        assert len(await history(unit.pool, each)) == 3


async def test_what_cannot_be_read_in_the_middle_of_a_batch_costs_no_neighbour(
    unit: Ledger, topic: Bus
) -> None:
    streams = [stream() for _ in range(40)]
    odd = [fact(stream(), 1).but((RawName("x"), b"1")) for _ in range(3)]
    records = [replace(fact(each, 1), partition=0) for each in streams]
    await topic.send(
        *records[:15], replace(odd[0], partition=0), replace(odd[1], partition=0),
        *records[15:], replace(odd[2], partition=0),
    )  # fmt: skip
    subscription = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, subscription):
        assert await received(subscription.name, 43) == {"applied": 40, "parked": 3}
        await topic.send(fact(streams[0], 2))
        assert await received(subscription.name, 44) == {"applied": 41, "parked": 3}
    places = await unit.pool.fetch('select "offset", value, detail from blocked order by 1')
    assert [row["offset"] for row in places] == [15, 16, 42]
    assert all("not UTF-8" in row["detail"] for row in places)
