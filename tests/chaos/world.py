"""What a run left behind, as plain data: the one thing the checker reads, whoever made it.

Filled by the simulation from memory, and by `reading.py` from five databases, all topics, the mailbox and the platform.
Every instant is on the databases' clock (`datacloud_now()`), but for those of `Recovery`, which count real seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tests.chaos.history import Entry

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class StoredEvent(NamedTuple):
    """A row of `events`. `recorded_at` is None where the clock was moved in a way that nobody can undo."""

    stream_id: str
    version: int
    event_id: UUID
    type: str
    body: bytes
    metadata: bytes
    published: int
    fact_type: str | None
    fact: bytes | None
    hash: bytes
    recorded_at: datetime | None = None


class StoredMark(NamedTuple):
    """How far a subscription has taken in a foreign stream."""

    sequence: int
    fact_id: UUID | None


class BlockedRow(NamedTuple):
    """A record that waits; without a reason it is held for its predecessor."""

    subscription: str
    place: Place
    stream: str | None
    sequence: int | None
    fact_id: UUID | None
    reason: str | None


class ScheduledRow(NamedTuple):
    """Work that is still to be done."""

    stream_id: str
    name: str
    kind: str
    due_at: datetime
    attempts: int


class People(NamedTuple):
    """Personal rows by id, each as the JSON that a record of a compacted topic carries."""

    persons: Mapping[str, bytes]
    texts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service's database. `views` and `people` are None where nobody read them; rows of views are plain JSON."""

    name: str
    now: datetime
    streams: Mapping[str, Sequence[StoredEvent]]
    outbox: int = 0
    marks: Mapping[tuple[str, str, str], StoredMark] = field(default_factory=dict)
    offsets: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    blocked: Sequence[BlockedRow] = ()
    discarded: Sequence[BlockedRow] = ()
    scheduled: Sequence[ScheduledRow] = ()
    reserved: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[tuple[str, int], int] = field(default_factory=dict)
    views: Mapping[str, Sequence[Mapping[str, object]]] | None = None
    people: People | None = None


class TopicRecord(NamedTuple):
    """A record as it lies on its topic."""

    place: Place
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None


class Mail(NamedTuple):
    """A mail that the server took. `message_id` without its brackets."""

    message_id: str
    subject: str
    recipient: str
    accepted_at: datetime


class Interruption(NamedTuple):
    """From when to when something lasted that may cost a second copy of a mail."""

    began: datetime
    ended: datetime


class Account(NamedTuple):
    """A user of the cloud platform. `created`: how often it was made."""

    user_name: str
    external_id: str | None
    active: bool
    groups: Sequence[str]
    created: int = 1


class Space(NamedTuple):
    """A group of the cloud platform: an agency's space."""

    name: str
    members: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """A subscription of facts: whose it is and what it reads. `counts` are its outcomes, where they are known."""

    service: str
    topics: Sequence[str]
    counts: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the end of the last fault; None = never. `lag` is what the groups had left to read at the end."""

    caught_up_after: float | None
    quiet_after: float | None
    lag: Mapping[tuple[str, str, int], int] = field(default_factory=dict)

    @property
    def quiet(self) -> bool:
        """Nothing was left to do."""
        return self.quiet_after is not None


@dataclass(frozen=True, slots=True)
class World:
    """A whole run. `poison` are the places of records that the run itself put on topics to do harm.

    `interruptions` are what may cost a second copy of a mail: of who sends it, of who takes it, of who remembers it.
    """

    services: Mapping[str, ServiceState]
    records: Sequence[TopicRecord]
    readers: Mapping[str, Reader]
    mails: Sequence[Mail]
    accounts: Sequence[Account]
    spaces: Sequence[Space]
    history: Sequence[Entry]
    recovery: Recovery
    poison: frozenset[Place] = frozenset()
    interruptions: Sequence[Interruption] = ()
