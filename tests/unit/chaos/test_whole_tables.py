"""Whole tables are judged: names held are what the events reserve, personal rows are what the topics say last."""

from dataclasses import replace

import pytest

from shared.contracts.topics import PEOPLE
from shared.people.persons import Person
from tests.chaos.checker import check
from tests.chaos.world import People, TopicRecord, World
from tests.support.requests import ADMINISTRATOR_ID
from tests.unit.chaos.test_checker import confirmed, of_service, withdrawn

READERS = ("review", "provisioning", "notifier")
KEY = str(ADMINISTRATOR_ID)


def person(name: str) -> bytes:
    told = Person(person_id=ADMINISTRATOR_ID, kind="administrator", name=name)
    return told.model_dump_json(exclude_none=True).encode()


def told(*names: str | None) -> World:
    """The person was said under these names, one after the other; all have the last one. None: a tombstone."""
    world = confirmed()
    said = [None if name is None else person(name) for name in names]
    records = [
        TopicRecord((PEOPLE.name, 0, offset), KEY.encode(), (), value)
        for offset, value in enumerate(said)
    ]
    last = said[-1]
    have = People({KEY: last} if last is not None else {}, {})
    for service in ("intake", *READERS):
        world = of_service(world, service, people=have)
    readers = {
        f"{service}.people": replace(world.readers["review.cases"], service=service, topics=[PEOPLE.name])
        for service in READERS
    }  # fmt: skip
    for service in READERS:
        offsets = {
            **world.services[service].offsets,
            (f"{service}.people", PEOPLE.name, 0): len(said),
        }
        world = of_service(world, service, offsets=offsets)
    return replace(world, records=[*world.records, *records], readers={**world.readers, **readers})


def wrong(world: World) -> list[str]:
    return [each.where for each in check(world) if each.promise == "P6"]


@pytest.mark.parametrize(
    "world", [told("Ratna"), told("Ratna", "Ratna K."), told("Ratna", None)],
    ids=["said once", "said again", "taken back"],
)  # fmt: skip
def test_rows_that_are_what_the_topic_says_last_are_right(world: World) -> None:
    assert [*check(world)] == []


@pytest.mark.parametrize("service", ["intake", *READERS])
@pytest.mark.parametrize(
    "rows", [{}, {KEY: person("Ratna")}], ids=["no row", "the row of an earlier record"]
)
def test_a_row_that_is_not_what_the_topic_says_last_is_found(
    service: str, rows: dict[str, bytes]
) -> None:
    world = of_service(told("Ratna", "Ratna K."), service, people=People(rows, {}))
    assert wrong(world) == [f"{service} persons {KEY}"]


def test_a_row_that_nobody_said_is_found() -> None:
    other = "0192f3a0-0000-7000-8000-0000000000aa"
    extra = People({KEY: person("Ratna"), other: person("Ratna")}, {})
    assert wrong(of_service(told("Ratna"), "intake", people=extra)) == [f"intake persons {other}"]


def test_a_name_that_is_held_though_no_event_says_so_is_found() -> None:
    world = withdrawn()
    assert not world.services["intake"].reserved, "a withdrawn request holds none"
    assert wrong(of_service(world, "intake", reserved={"open:BAPPEDA": "somebody"})) == [
        "intake somebody"
    ]
