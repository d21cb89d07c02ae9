"""A record that was put on a topic to do harm is kept, or there is a reason why it need not be."""

from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.topics import REQUESTS
from tests.chaos.checker import check
from tests.chaos.world import BlockedRow, Place, TopicRecord, World
from tests.unit.chaos.small_world import STREAM
from tests.unit.chaos.test_checker import confirmed, of_service

READERS = {
    "review": "review.cases",
    "provisioning": "provisioning.accounts",
    "notifier": "notifier.mail",
}
LOOSE = (("ce_type", b"nobody knows whose"),)


def planted(world: World, **of_the_first: Any) -> tuple[World, Place]:  # noqa: ANN401 - any field
    """One more record on the topic of requests, read by all; by default of no stream."""
    model = next(each for each in world.records if each.place[0] == REQUESTS.name)
    offset = 1 + max(each.place[2] for each in world.records if each.place[0] == REQUESTS.name)
    place = (REQUESTS.name, model.place[1], offset)
    record = TopicRecord(place, None, LOOSE, b"{")
    record = record._replace(**of_the_first) if of_the_first else record
    for service in READERS:
        offsets = {
            each: offset + 1 if each[1] == REQUESTS.name else next_one
            for each, next_one in world.services[service].offsets.items()
        }
        world = of_service(world, service, offsets=offsets)
    return replace(world, records=[*world.records, record], poison=frozenset([place])), place


def of_the_stream(**changed: bytes) -> dict[str, Any]:
    """Headers of the request's first fact, but for these."""
    first = next(each for each in confirmed().records if each.place[0] == REQUESTS.name)
    headers = [(name, changed.get(name, value)) for name, value in first.headers]
    return {"key": first.key, "headers": headers, "value": first.value}


def lost(world: World) -> list[str]:
    return [each.where for each in check(world) if "bad record" in each.what]


def test_a_loose_record_that_nobody_kept_is_found_once_for_each_reader() -> None:
    world, place = planted(confirmed())
    assert [where.split()[0] for where in lost(world)] == sorted(
        READERS.values(), key=[*world.readers].index
    )
    assert all(str(place) in where for where in lost(world))


@pytest.mark.parametrize("table", ["blocked", "discarded"])
def test_a_loose_record_is_kept_where_it_waits_and_where_it_was_discarded(table: str) -> None:
    world, place = planted(confirmed())
    for service, name in READERS.items():
        row = BlockedRow(name, place, None, None, None, "ce_source_missing")
        world = of_service(world, service, **{table: [row]})
    assert lost(world) == []


@pytest.mark.parametrize(
    "record",
    [
        of_the_stream(),
        of_the_stream(ce_type=b"datacloud.not_known_yet.v1"),
        {**of_the_stream(), "value": b"{"},
    ],
    ids=["a duplicate", "of an unknown type", "unreadable under a number that another has"],
)
def test_a_record_that_was_passed_over_for_a_reason_need_not_be_kept(
    record: dict[str, Any],
) -> None:
    world, _ = planted(confirmed(), **record)
    assert lost(world) == []


def test_an_unreadable_record_whose_number_nobody_else_says_must_be_kept() -> None:
    ahead = {**of_the_stream(ce_sequence=b"99"), "value": b"{"}
    world, place = planted(confirmed(), **ahead)
    assert len(lost(world)) == len(READERS)
    row = BlockedRow("notifier.mail", place, STREAM, 99, None, "malformed_value")
    assert len(lost(of_service(world, "notifier", blocked=[row]))) == len(READERS) - 1
