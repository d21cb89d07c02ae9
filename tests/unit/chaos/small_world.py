"""One request from letter to confirmation, told by the services' own cores without a server: a world without fault."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid5

from services.intake.commands import Clock, Papers, SubmitRequest, WithdrawRequest
from services.notifier.commands import NumberLetter, RecordLetter, RecordSent
from services.notifier.effects.letter import letter_number
from services.notifier.reactions import NAMESPACE, confirmation_mail
from services.provisioning.commands import RecordActivation
from services.provisioning.effects.port import space_of, user_id_of
from services.review.commands import DecideCase
from shared.contracts.registry import decode
from shared.event_sourcing.database import Pool
from shared.event_sourcing.store import Changes, DueRow, Stream, Upsert
from shared.event_sourcing.unit_of_work import Context, Idempotency, UnitOfWork
from shared.messaging import envelope
from shared.service_standard.standard import load_standard
from shared.working_time.calendar import WorkingCalendar
from tests.chaos.history import Entry
from tests.chaos.simulation.house import DEFINITIONS, SUBSCRIPTIONS
from tests.chaos.world import (
    Account,
    Mail,
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
from tests.support.requests import (
    ADMINISTRATOR_ID,
    CONTACT_ID,
    LETTER_ID,
    MONDAY,
    OFFICER_ID,
    TEXT_ID,
)

REQUEST = UUID("0192f3a0-0000-7000-8000-000000000001")
STREAM = str(REQUEST)
AGENCY = "BAPPEDA"
NUMBER = "DC-2026-000001"
USER = user_id_of(AGENCY, REQUEST)
PUBLIC = Context("public", UUID(int=1), UUID(int=2))


def letter(request_id: UUID, number: str, agency: str, at: datetime) -> SubmitRequest:
    """A PD's own, received as it arrives."""
    papers = Papers(ADMINISTRATOR_ID, CONTACT_ID, LETTER_ID, None)
    standard = load_standard()
    clock = Clock(standard.number, standard.request_limit, WorkingCalendar.bundled(), 1)
    return SubmitRequest(request_id, number, agency, "open_account", papers, None, None, clock, at)


@dataclass
class Told:
    """What was written so far; `do` is the one way to write."""

    streams: dict[str, dict[str, list[StoredEvent]]] = field(
        default_factory=lambda: {name: defaultdict(list) for name in DEFINITIONS}
    )
    folded: dict[tuple[str, str], Stream[Any]] = field(default_factory=dict)
    records: list[TopicRecord] = field(default_factory=list)
    written: dict[str, Changes] = field(
        default_factory=lambda: {name: Changes() for name in DEFINITIONS}
    )
    marks: dict[str, dict[tuple[str, str, str], StoredMark]] = field(
        default_factory=lambda: {name: {} for name in DEFINITIONS}
    )
    at: datetime = MONDAY

    def state(self, service: str, stream: str) -> Any:  # noqa: ANN401 - each service has its own
        return self._stream(service, stream).state

    def do(
        self, service: str, stream: str, command: object, context: Context = PUBLIC, key: str | None = None
    ) -> None:  # fmt: skip
        """Decide, keep, publish, and let everybody react."""
        self.at += timedelta(seconds=1)
        unit = UnitOfWork(cast("Pool", None), DEFINITIONS[service])
        mark = Idempotency(key, "body") if key else None
        before = self._stream(service, stream)
        advance = unit.advance(before, command, context, self.at, mark)
        self.folded[service, stream] = advance.stream
        self.written[service].merge(advance.changes)
        facts = []
        for row in advance.changes.events:
            event = StoredEvent(*row, self.at)
            self.streams[service][stream].append(event)
            if event.fact is not None:
                facts.append(self._publish(service, event))
        for fact in facts:
            self._react(service, fact)

    def _stream(self, service: str, stream: str) -> Stream[Any]:
        initial = DEFINITIONS[service].decider.initial
        return self.folded.get((service, stream)) or Stream(stream, initial())

    def _publish(self, service: str, event: StoredEvent) -> TopicRecord:
        topic = next(
            pointer.topic
            for pointer in self.written[service].outbox
            if (pointer.key, pointer.ref) == (event.stream_id, event.version)
        )
        offset = sum(1 for record in self.records if record.place[0] == topic)
        headers = envelope.headers(
            event_id=event.event_id, source=service, ce_type=event.fact_type or "", time=self.at,
            subject=event.stream_id, sequence=event.published, correlation_id=UUID(int=1),
            causation_id=None, traceparent=None,
        )  # fmt: skip
        record = TopicRecord((topic, 0, offset), event.stream_id.encode(), headers, event.fact)
        self.records.append(record)
        return record

    def _react(self, source: str, record: TopicRecord) -> None:
        headers = {name: value or b"" for name, value in record.headers}
        fact_id = UUID(headers["ce_id"].decode())
        fact = decode(headers["ce_type"].decode(), record.value or b"")
        topic, key = record.place[0], (record.key or b"").decode()
        for name, (service, read, react) in SUBSCRIPTIONS.items():
            if topic in read:
                mark = StoredMark(int(headers["ce_sequence"]), fact_id)
                self.marks[service][name, topic, key] = mark
                for to in react(fact, self.at):
                    self.do(
                        service, to.stream_id, to.command, Context(source, UUID(int=1), fact_id)
                    )


def _own(told: Told, service: str, event_type: str) -> Context:
    """Of an effect: caused by the event that scheduled it."""
    events = [event for events in told.streams[service].values() for event in events]
    cause = next(event for event in events if event.type == event_type)
    return Context(service, UUID(int=1), cause.event_id)


def confirmed_request() -> Told:
    """Submitted, approved, activated, confirmed."""
    told = Told()
    told.do("intake", STREAM, letter(REQUEST, NUMBER, AGENCY, told.at), key="submission")
    decision = DecideCase("approved", None, OFFICER_ID, 1, told.at)
    told.do("review", STREAM, decision, key="decision")
    activated = RecordActivation(REQUEST, "scim", USER, space_of(AGENCY), None, told.at)
    told.do("provisioning", AGENCY, activated, _own(told, "provisioning", "ActivationRequested"))
    letter_id = uuid5(NAMESPACE, f"letter:{STREAM}")
    pattern = "000.8/{number}/DISKOMINFO-C/{year}"
    numbered = NumberLetter(letter_id, 1, 2026, letter_number(pattern, 1, 2026), told.at)
    requested = _own(told, "notifier", "ConfirmationRequested")
    told.do("notifier", STREAM, numbered, requested)
    confirmation = told.state("notifier", STREAM).confirmation
    made = RecordLetter(letter_id, "00", confirmation_mail(confirmation, confirmation.letter))
    told.do("notifier", STREAM, made, requested)
    for notification_id in list(told.state("notifier", STREAM).mails):
        told.do("notifier", STREAM, RecordSent(notification_id, told.at), requested)
    return told


def withdrawn_request() -> Told:
    """Submitted and taken back."""
    told = Told()
    told.do("intake", STREAM, letter(REQUEST, NUMBER, AGENCY, told.at), key="submission")
    told.do("intake", STREAM, WithdrawRequest(TEXT_ID, told.at), key="withdrawal")
    requested = _own(told, "notifier", "NotificationRequested")
    for notification_id in list(told.state("notifier", STREAM).mails):
        told.do("notifier", STREAM, RecordSent(notification_id, told.at), requested)
    return told


def world_of(told: Told, *, accounts: Sequence[Account] = (), history: bool = True) -> World:
    """Quiet, nothing broken."""
    ends: dict[str, int] = defaultdict(int)
    for record in told.records:
        ends[record.place[0]] = record.place[2] + 1
    services = {}
    for name in DEFINITIONS:
        due = [row for row in told.written[name].due.values() if isinstance(row, DueRow)]
        services[name] = ServiceState(
            name,
            told.at + timedelta(seconds=1),
            told.streams[name],
            marks=told.marks[name],
            offsets={
                (reader, topic, 0): end
                for reader, (owner, read, _) in SUBSCRIPTIONS.items()
                for topic, end in ends.items()
                if owner == name and topic in read
            },
            scheduled=[ScheduledRow(r.stream_id, r.name, r.kind, r.due_at, 0) for r in due if r.kind == "deadline"],
            reserved={held: by for (held, by), yes in told.written[name].reserved.items() if yes},
            numbers=_numbers(told, name),
            views=_views(told.written[name]),
        )  # fmt: skip
    readers = {n: Reader(owner, tuple(read)) for n, (owner, read, _) in SUBSCRIPTIONS.items()}
    spaces = [Space(space_of(AGENCY), [each.user_name for each in accounts])] if accounts else []
    entries = _history(told) if history else []
    return World(
        services, told.records, readers, _mails(told), accounts, spaces, entries, Recovery(1.0, 2.0)
    )


def account(**other: Any) -> Account:  # noqa: ANN401 - any column
    """The request's account as it should stand."""
    return Account(USER, STREAM, active=True, groups=(space_of(AGENCY),))._replace(**other)


def _numbers(told: Told, service: str) -> dict[tuple[str, int], int]:
    types = {event.type for events in told.streams[service].values() for event in events}
    if "RequestSubmitted" in types:
        return {("requests", 2026): 1}
    return {("letters", 2026): 1} if "LetterNumbered" in types else {}


def _views(written: Changes) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in written.rows.values():
        if isinstance(row, Upsert):
            tables[row.table].append({**row.key, **row.values})
    return tables


def _mails(told: Told) -> list[Mail]:
    mails = told.state("notifier", STREAM).mails
    return [Mail(f"{each}@x.test", "subject", "to@x.test", told.at) for each in mails]


def _history(told: Told) -> list[Entry]:
    receipt = {"request_id": STREAM, "registration_number": NUMBER, "due_on": "2026-11-24"}
    entries = [
        Entry(0.0, "pd", "invoke", "submit_request", "a", {}),
        Entry(1.0, "pd", "ok", "submit_request", "a", receipt),
    ]
    if any(event.type == "CaseDecided" for event in told.streams["review"][STREAM]):
        asked = {"request_id": STREAM, "outcome": "approved"}
        entries += [
            Entry(2.0, "reviewer", "invoke", "decide_case", "b", asked),
            Entry(3.0, "reviewer", "ok", "decide_case", "b", {"request_id": STREAM}),
        ]
    return entries
