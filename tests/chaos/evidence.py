"""The world laid out for the checker: bodies and metadata read once, facts found by stream and by id."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import orjson

from shared.contracts.registry import REGISTRY
from shared.contracts.topics import TOPICS, topic_for
from tests.chaos.world import Place, Recovery, ServiceState, StoredEvent, TopicRecord, World

COMPACTED = frozenset(topic.name for topic in TOPICS if topic.compacted)
OF_FACTS = frozenset(topic.name for topic in TOPICS if not topic.compacted)


class Violation(NamedTuple):
    """A promise that was not kept: which, how, and where to look."""

    promise: str
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.promise}: {self.what} [{self.where}]"


class Happening(NamedTuple):
    """An event with what its bytes say."""

    event: StoredEvent
    body: Mapping[str, Any]
    about: Mapping[str, Any]

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def cause(self) -> str | None:
        """The id of the fact or event it follows from."""
        cause: str | None = self.about.get("causation_id")
        return cause

    def instant(self, name: str) -> datetime:
        """A field of the body that is a point in time."""
        return datetime.fromisoformat(self.body[name])

    def __str__(self) -> str:
        return f"{self.event.stream_id} v{self.event.version} {self.event.type}"


class FactRecord(NamedTuple):
    """A record of a topic of facts that says whose it is."""

    record: TopicRecord
    source: str
    fact_id: str
    sequence: int

    @property
    def place(self) -> Place:
        return self.record.place

    @property
    def stream(self) -> tuple[str, str]:
        """Topic and key."""
        return self.record.place[0], (self.record.key or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Evidence:
    """A world, indexed."""

    world: World

    @property
    def services(self) -> Mapping[str, ServiceState]:
        return self.world.services

    @property
    def recovery(self) -> Recovery:
        return self.world.recovery

    @property
    def quiet(self) -> bool:
        """Nothing was left to do when the world was looked at."""
        return self.world.recovery.quiet

    @cached_property
    def streams(self) -> Mapping[str, Mapping[str, Sequence[Happening]]]:
        """By service and stream, in order."""
        return {
            name: {
                stream: [_happening(event) for event in events]
                for stream, events in service.streams.items()
            }
            for name, service in self.services.items()
        }

    def of(self, service: str, stream: str) -> Sequence[Happening]:
        """One stream; empty if the service or the stream is not there."""
        return self.streams.get(service, {}).get(stream, ())

    def all(self, service: str, *types: str) -> Iterator[Happening]:
        """Every happening of these types."""
        for events in self.streams.get(service, {}).values():
            for each in events:
                if each.type in types:
                    yield each

    @cached_property
    def facts(self) -> Mapping[tuple[str, str], Sequence[FactRecord]]:
        """Records of facts by topic and key, by partition and offset; without what was put there to do harm."""
        found: dict[tuple[str, str], list[FactRecord]] = defaultdict(list)
        for record in sorted(self.world.records, key=lambda each: each.place):
            if record.place[0] not in OF_FACTS or record.place in self.world.poison:
                continue
            headers = {name: value or b"" for name, value in record.headers}
            fact = FactRecord(
                record,
                headers.get("ce_source", b"").decode("utf-8", "replace"),
                headers.get("ce_id", b"").decode("utf-8", "replace"),
                int(headers.get("ce_sequence", b"") or 0),
            )
            found[fact.stream].append(fact)
        return found

    @cached_property
    def facts_by_id(self) -> Mapping[str, Sequence[FactRecord]]:
        """Each fact with all its copies."""
        found: dict[str, list[FactRecord]] = defaultdict(list)
        for records in self.facts.values():
            for each in records:
                found[each.fact_id].append(each)
        return found


def topic_of(service: str, fact_type: str) -> str | None:
    """Where this service says facts of this type; None for one that today's code does not know."""
    fact_class = REGISTRY.classes.get(fact_type)
    return None if fact_class is None else topic_for(service, fact_class).name


def _happening(event: StoredEvent) -> Happening:
    return Happening(event, orjson.loads(event.body), orjson.loads(event.metadata))
