"""The five services put together in memory, two processes of each; what dies is started again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any, cast
from uuid import UUID

from services.complaints import app as complaints
from services.complaints import schedule as complaints_schedule
from services.intake import app as intake
from services.intake import reactions as intake_reactions
from services.intake import schedule as intake_schedule
from services.notifier import app as notifier
from services.notifier import reactions as notifier_reactions
from services.notifier import schedule as notifier_schedule
from services.provisioning import app as provisioning
from services.provisioning import reactions as provisioning_reactions
from services.provisioning import schedule as provisioning_schedule
from services.provisioning.effects import ScimPlatform
from services.provisioning.effects.activation import Activation
from services.review import app as review
from services.review import reactions as review_reactions
from shared.contracts import topics
from shared.contracts.registry import Fact
from shared.event_sourcing.codec import EventCodec
from shared.event_sourcing.database import Pool
from shared.event_sourcing.decider import To
from shared.event_sourcing.scheduling import Deadlines, Due, Effects
from shared.event_sourcing.store import Changes, Definition
from shared.event_sourcing.unit_of_work import UnitOfWork, Wakeups, Work
from shared.messaging.consumer import Takes
from shared.messaging.subscription import Subscription
from shared.people.copies import Copies
from shared.working_time.calendar import WorkingCalendar
from tests.chaos.simulation import effects, statements
from tests.chaos.simulation.actors import SimulatedConsumer, SimulatedRelay, until_it_breaks
from tests.chaos.simulation.connection import MemoryPool
from tests.chaos.simulation.database import Database
from tests.chaos.simulation.log import Log, Spoil
from tests.chaos.simulation.machine import Machine, Process
from tests.chaos.simulation.outside import CloudPlatform, MailServer

React = Callable[[Fact, datetime], Iterable[To[Any]]]
Background = Callable[[], Any]

DEFINITIONS: Mapping[str, Definition[Any, Any, Any]] = {
    "intake": intake.DEFINITION,
    "review": review.DEFINITION,
    "provisioning": provisioning.DEFINITION,
    "complaints": complaints.DEFINITION,
    "notifier": notifier.DEFINITION,
}
REPLICAS = 2


def _names(*read: topics.Topic) -> list[str]:
    return [topic.name for topic in read]


_ABOUT_REQUESTS = _names(topics.REVIEWS, topics.ACCOUNTS, topics.NOTIFICATIONS)
_TOLD_PEOPLE = _names(topics.REQUESTS, topics.REVIEWS, topics.ACCOUNTS, topics.COMPLAINTS)
_mail = partial(notifier_reactions.react, calendar=WorkingCalendar.bundled())
# As in each service's app.py.
SUBSCRIPTIONS: Mapping[str, tuple[str, Sequence[str], React]] = {
    "intake.progress": ("intake", _ABOUT_REQUESTS, intake_reactions.react),
    "review.cases": ("review", _names(topics.REQUESTS), review_reactions.react),
    "provisioning.accounts": (
        "provisioning",
        _names(topics.REQUESTS, topics.REVIEWS),
        provisioning_reactions.react,
    ),
    "notifier.mail": ("notifier", _TOLD_PEOPLE, _mail),
}
COPIES: Mapping[str, tuple[str, Sequence[str]]] = {
    "intake.review-texts": ("intake", _names(topics.REVIEW_TEXTS)),
    "review.people": ("review", _names(topics.PEOPLE)),
    "provisioning.people": ("provisioning", _names(topics.PEOPLE)),
    "notifier.people": (
        "notifier",
        _names(topics.PEOPLE, topics.COMPLAINANTS, topics.REVIEW_TEXTS),
    ),
}


@cache
def _codec(service: str) -> EventCodec[Any]:
    return EventCodec(DEFINITIONS[service].events)


class OrderedWakeups(Wakeups):
    """As the product's, but for the order: a set of words has another one in each interpreter."""

    def after(self, changes: Changes) -> None:
        if changes.outbox:
            self.of("relay").set()
        for kind in sorted({row.kind for row in changes.due.values() if row is not None}):
            self.of(kind).set()


class SimulatedUnit(UnitOfWork[Any, Any, Any]):
    """The product's unit of work; its codec is made once, not once per process."""

    def __init__(self, pool: MemoryPool, definition: Definition[Any, Any, Any]) -> None:
        self.pool = cast("Pool", pool)
        self.definition = definition
        self.codec = _codec(definition.service)
        self.wakeups = OrderedWakeups()


@dataclass(slots=True)
class Replica:
    """A process at work."""

    process: Process
    unit: SimulatedUnit
    subscriptions: dict[str, Subscription[Any, Any, Any]]


@dataclass
class House:
    """Everything of one run but its clients."""

    machine: Machine
    spoil: Spoil
    trouble: Callable[[str, React], React]
    log: Log = field(init=False)
    mail: MailServer = field(init=False)
    platform: CloudPlatform = field(init=False)
    databases: dict[str, Database] = field(init=False)
    replicas: dict[str, Replica] = field(default_factory=dict)

    def __post_init__(self) -> None:
        machine = self.machine
        self.log, self.mail = Log(machine), MailServer(machine)
        self.platform = CloudPlatform(machine)
        self.databases = {name: Database(machine, name) for name in DEFINITIONS}

    def start(self) -> None:
        """All processes."""
        for service in DEFINITIONS:
            for number in range(REPLICAS):
                self._start(service, f"{service}.{number}")

    async def supervise(self) -> None:
        """What died comes back after a while."""
        while True:
            dead = await self.machine.deaths.get()
            seconds = self.machine.chance.uniform(0.1, 4)
            self.machine.loop.call_later(seconds, self._start, dead.service, dead.name)

    def wake(self) -> None:
        """The clock was moved: as the schedulers' next poll would, let them look."""
        for replica in self.replicas.values():
            for name in ("deadline", "platform", "mail", "letter"):
                replica.unit.wakeups.of(name).set()

    def _start(self, service: str, name: str) -> None:
        process = Process(name, service)
        pool = MemoryPool(self.databases[service], process, statements.find)
        unit = SimulatedUnit(pool, DEFINITIONS[service])
        takes = list(self._takes(service, unit))
        subscriptions = {each.name: each for each in takes if isinstance(each, Subscription)}
        self.replicas[name] = Replica(process, unit, subscriptions)
        relay = SimulatedRelay(pool, self.log, unit.wakeups, self.spoil)
        parts: list[Background] = [relay.run, *self._schedulers(unit, process)]
        parts += [SimulatedConsumer(self.machine, pool, self.log, each).run for each in takes]
        for part in parts:
            process.start(until_it_breaks(self.machine, process, part)())

    def _takes(self, service: str, unit: SimulatedUnit) -> Iterable[Takes]:
        for name, (owner, read, react) in SUBSCRIPTIONS.items():
            if owner == service:
                yield Subscription(unit, name, read, self.trouble(name, react))
        for name, (owner, read) in COPIES.items():
            if owner == service:
                yield Copies(unit.pool, name, read)

    def _schedulers(self, unit: SimulatedUnit, process: Process) -> Sequence[Background]:
        match unit.definition.service:
            case "intake":
                return [Deadlines(unit, intake_schedule.DEADLINE, _breach_of_request).run]
            case "complaints":
                return [Deadlines(unit, complaints_schedule.DEADLINE, _breach_of_complaint).run]
            case "provisioning":
                http = effects.http_of(process, self.platform)
                work = Activation(ScimPlatform(http), unit.pool)
                kind = provisioning_schedule.PLATFORM
                return [Effects(unit, kind, work.perform, work.gave_up).run]
            case "notifier":
                return self._correspondence(unit, process)
            case _:
                return []

    def _correspondence(self, unit: SimulatedUnit, process: Process) -> Sequence[Background]:
        office = effects.office_of(unit.pool)
        letters = effects.SimulatedLetters(office, self.machine)
        mails = effects.SimulatedMails(office, process, self.mail)
        numbering = Effects(
            unit, notifier_schedule.LETTER, letters.perform, letters.gave_up, at_once=2, attempts_max=None
        )  # fmt: skip
        sending = Effects(
            unit, notifier_schedule.MAIL, mails.perform, mails.gave_up,
            attempts_max=notifier.MAIL_ATTEMPTS_MAX,
        )  # fmt: skip
        return [numbering.run, sending.run]


def _breach_of_request(due: Due) -> Work[Any]:
    command = intake_schedule.to_command(due)
    return Work(due.stream_id, lambda _: command)


def _breach_of_complaint(due: Due) -> Work[Any]:
    command = complaints_schedule.to_command(due)
    return Work(due.stream_id, lambda _: command)


def stream_of(value: object) -> UUID:
    """A view's id, as it was written or as JSON told it."""
    return value if isinstance(value, UUID) else UUID(str(value))
