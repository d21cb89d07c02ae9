"""The topics of the system as data: created from here by `datacloud topics apply`, checked at every start.

Facts stay for ever, so that a new consumer reads from the first one. People topics keep the last record of each key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from shared.contracts.fact import Fact
from shared.contracts.facts.clock import (
    DeadlineApproaching,
    DeadlineBreached,
    DeadlineBreachRevoked,
    DeadlineMoved,
    DeadlineSet,
)
from shared.contracts.facts.complaints import ComplaintFiled
from shared.contracts.facts.intake import (
    RequestClosed,
    RequestResubmitted,
    RequestSetAside,
    RequestSubmitted,
    RequestWithdrawn,
)
from shared.contracts.facts.notifier import ConfirmationSent, NotificationUndeliverable
from shared.contracts.facts.provisioning import (
    AccountActivated,
    AccountActivationFailed,
    AccountSuspended,
    AdministratorReplaced,
)
from shared.contracts.facts.review import RequestReviewed

Service = Literal["intake", "review", "provisioning", "complaints", "notifier"]

PARTITIONS = 6
MESSAGE_BYTES_MAX = 2 * 1024 * 1024
"""Twice a producer's batch: one refused record would stop a whole partition."""
COMPACTION_LAG_MAX_MS = 24 * 60 * 60 * 1000
"""How long a forgotten person's bytes may outlive the tombstone (promise P10)."""

DEADLINE_FACTS: tuple[type[Fact], ...] = (
    DeadlineSet,
    DeadlineMoved,
    DeadlineApproaching,
    DeadlineBreached,
    DeadlineBreachRevoked,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, who alone writes it, who may read it, and what its key is. Compacted: no facts, last record wins."""

    name: str
    owner: Service
    key: str
    readers: tuple[Service, ...]
    facts: tuple[type[Fact], ...] = ()
    compacted: bool = False
    partitions: int = PARTITIONS

    @property
    def config(self) -> Mapping[str, str]:
        """The settings of the broker for this topic, all of those we depend on."""
        common = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
        if self.compacted:
            return common | {
                "cleanup.policy": "compact",
                "max.compaction.lag.ms": str(COMPACTION_LAG_MAX_MS),
            }
        return common | {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


REQUESTS = Topic(
    "datacloud.requests.v1",
    owner="intake",
    key="request_id",
    readers=("review", "provisioning", "notifier"),
    facts=(
        RequestSubmitted,
        RequestResubmitted,
        RequestWithdrawn,
        RequestSetAside,
        RequestClosed,
        *DEADLINE_FACTS,
    ),
)
REVIEWS = Topic(
    "datacloud.reviews.v1",
    owner="review",
    key="request_id",
    readers=("intake", "provisioning", "notifier"),
    facts=(RequestReviewed,),
)
ACCOUNTS = Topic(
    "datacloud.accounts.v1",
    owner="provisioning",
    key="agency_code",
    readers=("intake", "notifier"),
    facts=(AccountActivated, AccountActivationFailed, AdministratorReplaced, AccountSuspended),
)
COMPLAINTS = Topic(
    "datacloud.complaints.v1",
    owner="complaints",
    key="complaint_id",
    readers=("notifier",),
    facts=(ComplaintFiled, *DEADLINE_FACTS),
)
NOTIFICATIONS = Topic(
    "datacloud.notifications.v1",
    owner="notifier",
    key="request_id or complaint_id",
    readers=("intake",),
    facts=(ConfirmationSent, NotificationUndeliverable),
)
CALENDAR = Topic(
    "datacloud.calendar.v1",
    owner="intake",
    key="year",
    readers=("complaints", "provisioning", "notifier"),
)
PEOPLE = Topic(
    "datacloud.people.v1",
    owner="intake",
    key="person_id",
    readers=("review", "provisioning", "notifier"),
    compacted=True,
)
COMPLAINANTS = Topic(
    "datacloud.complainants.v1",
    owner="complaints",
    key="person_id",
    readers=("notifier",),
    compacted=True,
)
REVIEW_TEXTS = Topic(
    "datacloud.review-texts.v1",
    owner="review",
    key="text_id",
    readers=("intake", "notifier"),
    compacted=True,
)

TOPICS: tuple[Topic, ...] = (
    REQUESTS,
    REVIEWS,
    ACCOUNTS,
    COMPLAINTS,
    NOTIFICATIONS,
    CALENDAR,
    PEOPLE,
    COMPLAINANTS,
    REVIEW_TEXTS,
)

GROUPS: Mapping[str, tuple[Topic, ...]] = {
    "intake.progress": (REVIEWS, ACCOUNTS, NOTIFICATIONS),
    "review.cases": (REQUESTS,),
    "provisioning.accounts": (REQUESTS, REVIEWS),
    "notifier.mail": (REQUESTS, REVIEWS, ACCOUNTS, COMPLAINTS),
}
"""Who takes facts in, under which name, from where. A group is a key in databases and in Kafka: never renamed."""


def dead_letters_of(topic: str, group: str) -> str:
    """Where the records of a topic are mirrored that this group could not take in."""
    return f"{topic}.{group}.dlq"


DEAD_LETTERS: tuple[Topic, ...] = tuple(
    Topic(
        dead_letters_of(topic.name, group),
        cast("Service", group.partition(".")[0]),
        "as the record's",
        readers=(),
    )
    for group, topics in GROUPS.items()
    for topic in topics
)
"""For AKHQ, kafka-ui and their like: a record copied back from here to its topic is tried again."""

_WHERE: dict[tuple[str, type[Fact]], Topic] = {
    (topic.owner, fact): topic for topic in TOPICS for fact in topic.facts
}


def topic_for(service: str, fact_type: type[Fact]) -> Topic:
    """Where this service says facts of this class; LookupError if it has no right to say them."""
    try:
        return _WHERE[(service, fact_type)]
    except KeyError:
        message = f"{service} does not say {fact_type.__name__}"
        raise LookupError(message) from None


def topics_of(service: str) -> tuple[Topic, ...]:
    """What a service writes or reads: it refuses to start when one of them is missing."""
    every = TOPICS + DEAD_LETTERS
    return tuple(topic for topic in every if service == topic.owner or service in topic.readers)


def names_of(group: str) -> list[str]:
    """The topics a group takes in."""
    return [topic.name for topic in GROUPS[group]]
