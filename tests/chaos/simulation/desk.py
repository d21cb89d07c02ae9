"""What clients ask for, as the services' web.py builds it: a Work with its mark, personal rows and pointers."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.complaints.commands import Clock as ComplaintClock
from services.complaints.commands import FileComplaint
from services.intake.commands import (
    Clock,
    Papers,
    RequestKind,
    ResubmitRequest,
    SetAsideRequest,
    SubmitRequest,
    WithdrawRequest,
)
from services.review.commands import DecideCase, Outcome
from shared.contracts.subjects import Category
from shared.contracts.topics import COMPLAINANTS, PEOPLE, REVIEW_TEXTS
from shared.event_sourcing.decider import Given
from shared.event_sourcing.unit_of_work import Work
from shared.people.persons import (
    Person,
    Personal,
    PersonKind,
    Text,
    letter_row,
    person_row,
    text_row,
)
from shared.service_standard.standard import load_standard
from shared.web.acting import idempotency
from shared.working_time.calendar import WorkingCalendar
from tests.chaos.simulation.effects import KEYS


@dataclass(frozen=True, slots=True)
class Asked:
    """A service, the work for it, and how its answer is told to the client."""

    service: str
    operation: str
    key: str
    work: Work[Any]
    content: Mapping[str, Any]


class Desk:
    """Makes every id by the run's own chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._standard = load_standard()

    def uuid(self) -> UUID:
        """A random one."""
        return UUID(int=self._chance.getrandbits(128), version=4)

    def submit(self, agency: str, kind: RequestKind, key: str, officer: UUID | None) -> Asked:
        """A letter."""
        request_id = KEYS.case_id("request", key)
        papers, personal = self._papers()

        def command(given: Given) -> SubmitRequest:
            number, year = given.taken()
            clock, registered = self._request_clock(given), f"DC-{year}-{number:06d}"
            return SubmitRequest(
                request_id, registered, agency, kind, papers, None, officer, clock, given.at
            )

        mark = idempotency(KEYS, "request", key, f"{agency} {kind}".encode())
        rows, pointers = personal.rows, personal.pointers
        work = Work(str(request_id), command, "requests", mark, rows, pointers)
        return Asked("intake", "submit_request", key, work, {"agency_code": agency, "kind": kind})

    def complete(self, request_id: UUID, key: str) -> Asked:
        """The rest of a returned file."""
        papers, personal = self._papers()

        def command(given: Given) -> ResubmitRequest:
            return ResubmitRequest(papers, None, None, self._request_clock(given), given.at)

        mark = idempotency(KEYS, "request", key, b"completion")
        rows, pointers = personal.rows, personal.pointers
        work = Work(str(request_id), command, None, mark, rows, pointers)
        return Asked("intake", "complete_request", key, work, {"request_id": str(request_id)})

    def withdraw(self, request_id: UUID, key: str) -> Asked:
        """The PD changes its mind."""
        text_id, personal = self._text(None)
        mark = idempotency(KEYS, "request", key, b"withdrawal")

        def command(given: Given) -> WithdrawRequest:
            return WithdrawRequest(text_id, given.at)

        work = Work(str(request_id), command, None, mark, personal.rows)
        return Asked("intake", "withdraw_request", key, work, {"request_id": str(request_id)})

    def set_aside(self, request_id: UUID, key: str, officer: UUID) -> Asked:
        """An officer finds that it is not that agency's letter."""
        text_id, personal = self._text(None)
        mark = idempotency(KEYS, "request", key, b"setting aside")

        def command(given: Given) -> SetAsideRequest:
            return SetAsideRequest(officer, text_id, given.at)

        work = Work(str(request_id), command, None, mark, personal.rows)
        return Asked("intake", "set_aside_request", key, work, {"request_id": str(request_id)})

    def decide(
        self, request_id: UUID, outcome: Outcome, key: str, officer: UUID, seen_version: int
    ) -> Asked:
        """A reviewer's decision."""
        text_id, personal = None, Personal()
        if outcome != "approved":
            text_id, personal = self._text(REVIEW_TEXTS.name)

        def command(given: Given) -> DecideCase:
            return DecideCase(outcome, text_id, officer, seen_version, given.at)

        mark = idempotency(KEYS, "request", f"review {key}", outcome.encode())
        rows, pointers = personal.rows, personal.pointers
        work = Work(str(request_id), command, None, mark, rows, pointers)
        content = {"request_id": str(request_id), "outcome": outcome, "seen_version": seen_version}
        return Asked("review", "decide_case", key, work, content)

    def complain(self, key: str, category: Category | None) -> Asked:
        """A complaint by the contact page, or as an officer classifies it at once."""
        complaint_id = KEYS.case_id("complaint", key)
        text_id, personal = self._text(None)
        complainant, person = self._person("complainant", COMPLAINANTS.name)
        personal += person
        limits, shortest = self._standard.complaint_limits, self._standard.shortest_complaint_limit

        def command(given: Given) -> FileComplaint:
            number, year = given.taken()
            limit = shortest if category is None else limits[category]
            calendar, version = WorkingCalendar.bundled(), given.calendar_version
            clock = ComplaintClock(self._standard.number, limit, calendar, version)
            return FileComplaint(
                complaint_id, f"PGD-{year}-{number:06d}", "contact_page", category, text_id,
                complainant, False, None, None, None, clock, given.at,
            )  # fmt: skip

        mark = idempotency(KEYS, "complaint", key, b"complaint")
        rows, pointers = personal.rows, personal.pointers
        work = Work(str(complaint_id), command, "complaints", mark, rows, pointers)
        return Asked("complaints", "file_complaint", key, work, {"category": category})

    def _request_clock(self, given: Given) -> Clock:
        standard = self._standard
        calendar = WorkingCalendar.bundled()
        return Clock(standard.number, standard.request_limit, calendar, given.calendar_version)

    def _papers(self) -> tuple[Papers, Personal]:
        administrator, personal = self._person("administrator", PEOPLE.name)
        contact, more = self._person("contact", PEOPLE.name)
        letter_id = self.uuid()
        personal += more + letter_row(letter_id, b"%PDF", [administrator, contact])
        return Papers(administrator, contact, letter_id, None), personal

    def _person(self, kind: PersonKind, topic: str) -> tuple[UUID, Personal]:
        person_id = self.uuid()
        person = Person(person_id=person_id, kind=kind, name="X", email=f"{person_id.hex}@x.test")
        return person_id, person_row(person, topic)

    def _text(self, topic: str | None) -> tuple[UUID, Personal]:
        text_id = self.uuid()
        return text_id, text_row(Text(text_id=text_id, body="because"), topic)
