"""The world of a real run: five databases, every topic, the mailbox and the platform, read past all proxies."""

import email
import email.policy
import json
import re
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.contracts.topics import DEAD_LETTERS, GROUPS, TOPICS, names_of
from shared.event_sourcing.database import PlainConnection
from shared.messaging.trace import everything
from shared.operations.stack import SERVICES
from tests.chaos.drivers.poison import is_planted
from tests.chaos.harness import ChaosSystem
from tests.chaos.promises.same_past import definition_of
from tests.chaos.simulation.house import COPIES
from tests.chaos.world import (
    Account,
    BlockedRow,
    Interruption,
    Mail,
    People,
    Place,
    Reader,
    Recovery,
    ScheduledRow,
    ServiceState,
    Space,
    StoredEvent,
    StoredMark,
    TopicRecord,
    World,
)

EVERY_TOPIC = [topic.name for topic in (*TOPICS, *DEAD_LETTERS)]
_COUNTED = re.compile(
    r'datacloud_records_total\{outcome="(\w+)",subscription="([\w.-]+)"\} ([\d.e+]+)'
)


async def read_world(system: ChaosSystem, recovery: Recovery) -> World:
    """Everything, as plain data; nothing is running that would change it."""
    services = {}
    for name in SERVICES:
        async with database(system, name) as connection:
            services[name] = await _service(system, name, connection)
    records, poison = await _records(system)
    spaces, accounts = _platform(system)
    return World(
        services=services,
        records=records,
        readers=_readers(system),
        mails=_mails(system),
        accounts=accounts,
        spaces=spaces,
        history=system.history.entries,
        recovery=recovery,
        poison=poison,
        interruptions=[
            Interruption(_shown(system, each.began), _shown(system, each.ended, latest=True))
            for each in system.interruptions.found
        ],
    )


@asynccontextmanager
async def database(system: ChaosSystem, service: str) -> AsyncIterator[PlainConnection]:
    """As the superuser; JSON columns as what they say."""
    connection = await system.admin(service)
    try:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, encoder=json.dumps, decoder=orjson.loads, schema="pg_catalog"
            )
        yield connection
    finally:
        await connection.close()


async def _service(system: ChaosSystem, name: str, connection: PlainConnection) -> ServiceState:
    async def rows(table: str, columns: Sequence[str] = ("*",)) -> list[Any]:
        return await connection.fetch(f"select {', '.join(columns)} from {table}")  # noqa: S608 - ours

    streams = defaultdict[str, list[StoredEvent]](list)
    for row in await rows("events order by stream_id, version", StoredEvent._fields):
        event = StoredEvent(*row)
        assert event.recorded_at is not None
        streams[event.stream_id].append(
            event._replace(recorded_at=on_their_clock(system, event.recorded_at))
        )
    blocked = ("subscription", "topic", "partition", '"offset"', "stream", "sequence", "fact_id", "reason")  # fmt: skip
    return ServiceState(
        name=name,
        now=await connection.fetchval("select datacloud_now()"),
        streams=streams,
        outbox=await connection.fetchval("select count(*) from outbox"),
        marks={
            (r["subscription"], r["topic"], r["stream"]): StoredMark(r["sequence"], r["fact_id"])
            for r in await rows("marks")
        },
        offsets={
            (r["subscription"], r["topic"], r["partition"]): r["next"]
            for r in await rows("offsets")
        },
        blocked=[_waiting(row) for row in await rows("blocked", blocked)],
        discarded=[_waiting(row) for row in await rows("discarded", blocked)],
        scheduled=[ScheduledRow(*r) for r in await rows("scheduled", ScheduledRow._fields)],
        reserved={r["name"]: r["stream_id"] for r in await rows("reserved")},
        numbers={(r["series"], r["year"]): r["last"] for r in await rows("numbers")},
        views={
            table: [dict(row) for row in await rows(table)] for table in definition_of(name).views
        },
        people=People(
            {str(r["person_id"]): r["data"] for r in await rows("persons")},
            {str(r["text_id"]): orjson.dumps(dict(r), default=str) for r in await rows("texts")},
        ),
    )  # fmt: skip


def _waiting(row: Sequence[Any]) -> BlockedRow:
    subscription, topic, partition, offset, *about = row
    return BlockedRow(subscription, (topic, partition, offset), *about)


def on_their_clock(system: ChaosSystem, instant: datetime) -> datetime | None:
    """What the databases' clock showed then; None for an instant at which it was being moved."""
    if any(began <= instant <= ended for began, ended, _ in system.jumps):
        return None
    return _shown(system, instant)


def _shown(system: ChaosSystem, instant: datetime, *, latest: bool = False) -> datetime:
    """As far as anybody knows: of an instant at which the clock was being moved, the earliest or the latest."""
    shift = timedelta(0)
    for began, ended, by in system.jumps:
        shift = by if instant > (began if latest else ended) else shift
    return instant + shift


async def _records(system: ChaosSystem) -> tuple[list[TopicRecord], frozenset[Place]]:
    records = [
        TopicRecord((r.topic, r.partition, r.offset), r.key, r.headers, r.value)
        async for r in everything(system.stack.kafka.bootstrap, EVERY_TOPIC)
    ]
    return records, frozenset(each.place for each in records if is_planted(each.headers))


def _readers(system: ChaosSystem) -> Mapping[str, Reader]:
    """With what the processes that run now have counted: what was killed took its counts along."""
    counts = defaultdict[str, dict[str, int]](dict)
    for service in SERVICES:
        for outcome, name, count in _COUNTED.findall(
            _get(f"{system.places.url(service)}/metrics").decode()
        ):
            counts[name][outcome] = int(float(count))
    readers = {name: (name.partition(".")[0], names_of(name)) for name in GROUPS}
    return {
        name: Reader(service, tuple(topics), counts.get(name))
        for name, (service, topics) in (readers | dict(COPIES)).items()
    }


def _mails(system: ChaosSystem) -> list[Mail]:
    found = []
    for path in sorted(system.places.mailbox.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        taken_at = datetime.fromtimestamp(int(path.name.split("-")[0]) / 1e9, UTC)
        shown = _shown(system, taken_at)
        message_id = str(mail["Message-ID"]).strip().strip("<>")
        found.append(Mail(message_id, str(mail["Subject"]), str(mail["X-Rcpt-To"]), shown))
    return found


def _platform(system: ChaosSystem) -> tuple[list[Space], list[Account]]:
    def resources(path: str) -> list[dict[str, Any]]:
        token = system.places.platform_token.read_text(encoding="utf-8").strip()
        address = f"{system.places.url('cloud_platform')}/v2/{path}?count=1000"
        said = json.loads(_get(address, Authorization=f"Bearer {token}"))
        found: list[dict[str, Any]] = said.get("Resources", [])
        return found

    groups, users = resources("Groups"), resources("Users")
    member_of = defaultdict[str, list[str]](list)
    for group in groups:
        for member in group.get("members", []):
            member_of[member["value"]].append(group["displayName"])
    names = {each["id"]: each["userName"] for each in users}
    spaces = [
        Space(g["displayName"], [names.get(m["value"], "?") for m in g.get("members", [])])
        for g in groups
    ]
    return spaces, [
        Account(u["userName"], u.get("externalId"), u["active"], member_of[u["id"]]) for u in users
    ]


def _get(address: str, **headers: str) -> bytes:
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310 - loopback, ours
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - likewise
        content: bytes = answer.read()
    return content
