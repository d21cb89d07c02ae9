"""The world of a simulated run: what lies in its databases, topics, mailbox and platform."""

from collections.abc import Mapping

import orjson

from tests.chaos.history import Entry
from tests.chaos.simulation.database import Database, Row
from tests.chaos.simulation.house import COPIES, SUBSCRIPTIONS, House
from tests.chaos.world import (
    BlockedRow,
    Interruption,
    People,
    Reader,
    Recovery,
    ScheduledRow,
    ServiceState,
    StoredEvent,
    StoredMark,
    TopicRecord,
    World,
)
from tests.chaos.world import Place as PlaceOnTopic

SENDER = "notifier"


def world_of(
    house: House,
    history: list[Entry],
    recovery: Recovery,
    poison: frozenset[PlaceOnTopic],
    counts: Mapping[str, Mapping[str, int]],
) -> World:
    """Everything, as plain data."""
    readers = {
        name: Reader(service, tuple(read), counts.get(name))
        for name, (service, read, _) in SUBSCRIPTIONS.items()
    }
    readers |= {name: Reader(service, tuple(read)) for name, (service, read) in COPIES.items()}
    return World(
        services={name: _service(house, each) for name, each in house.databases.items()},
        records=[
            TopicRecord((record.topic, record.partition, record.offset), record.key, record.headers, record.value)
            for records in house.log.partitions.values()
            for record in records
        ],
        readers=readers,
        mails=house.mail.taken,
        accounts=house.platform.accounts(),
        spaces=house.platform.spaces(),
        history=history,
        recovery=recovery,
        poison=poison,
        interruptions=[Interruption(*each) for each in house.machine.interruptions[SENDER]],
    )  # fmt: skip


def _service(house: House, database: Database) -> ServiceState:
    tables = database.tables
    store = ("outbox", "marks", "offsets", "blocked", "scheduled", "reserved", "numbers")
    return ServiceState(
        name=database.service,
        now=house.machine.now(),
        streams={stream: [_event(row) for row in rows] for stream, rows in database.events.items()},
        outbox=len(tables.get("outbox", {})),
        marks={
            (str(key[0]), str(key[1]), str(key[2])): StoredMark(row["sequence"], row["fact_id"])
            for key, row in tables.get("marks", {}).items()
        },
        offsets={
            (str(key[0]), row["topic"], row["partition"]): row["next"]
            for key, row in tables.get("offsets", {}).items()
        },
        blocked=[_blocked(row) for row in tables.get("blocked", {}).values()],
        scheduled=[
            ScheduledRow(*(row[name] for name in ScheduledRow._fields))
            for row in tables.get("scheduled", {}).values()
        ],
        reserved={row["name"]: row["stream_id"] for row in tables.get("reserved", {}).values()},
        numbers={
            (row["series"], row["year"]): row["last"] for row in tables.get("numbers", {}).values()
        },
        views={name: list(rows.values()) for name, rows in tables.items() if name not in store},
        people=People(
            {str(key[0]): row["data"] for key, row in tables.get("persons", {}).items()},
            {str(key[0]): _text(key[0], row) for key, row in tables.get("texts", {}).items()},
        ),
    )


def _text(text_id: object, row: Row) -> bytes:
    about = {"text_id": text_id, "person_id": row["person_id"], "body": row["body"]}
    return orjson.dumps(about, default=str)


def _event(row: Row) -> StoredEvent:
    return StoredEvent(*(row[name] for name in StoredEvent._fields))


def _blocked(row: Row) -> BlockedRow:
    place = (row["topic"], row["partition"], row["offset"])
    return BlockedRow(
        row["subscription"], place, row["stream"], row["sequence"], row["fact_id"], row["reason"]
    )
