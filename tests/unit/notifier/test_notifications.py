"""Who is told what, and when: every fact that makes a mail, and that none of them holds a name."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given

from services.notifier import commands as c
from services.notifier.reactions import react
from shared.contracts.facts import clock
from shared.contracts.registry import Fact
from shared.contracts.subjects import Category, ComplaintSubject
from shared.working_time.calendar import WorkingCalendar
from tests.support import requests as r
from tests.support.facts import any_fact

CALENDAR = WorkingCalendar.bundled()
COMPLAINANT_ID = UUID(int=42)


def told(fact: Fact, at: datetime = r.MONDAY) -> list[tuple[str, str]]:
    """Which text goes to whom."""
    return [
        (each.template, str(each.recipient.role or each.recipient.person_id))
        for each in notifications(fact, at)
    ]


def notifications(fact: Fact, at: datetime = r.MONDAY) -> list[c.Notification]:
    found: list[c.Notification] = []
    for to in react(fact, at, CALENDAR):
        if isinstance(to.command, c.Notify):
            found += to.command.notifications
        elif isinstance(to.command, c.EndCorrespondence):
            found.append(to.command.notification)
    return found


def complaint(complainant_id: UUID | None, category: Category | None = None) -> ComplaintSubject:
    return ComplaintSubject(
        complaint_id=UUID(int=41),
        registration_number="PGD-2026-000045",
        complainant_id=complainant_id,
        channel="telephone",
        category=category,
        confidential=True,
    )


def complaint_deadline_set(complainant_id: UUID | None = COMPLAINANT_ID) -> clock.DeadlineSet:
    return clock.DeadlineSet(
        subject=complaint(complainant_id, category="minor"),
        name="settlement",
        cycle=1,
        due_on=date(2026, 11, 30),
        breach_at=datetime(2026, 11, 30, 17, tzinfo=UTC),
        received_at=r.MONDAY,
        calendar_version=1,
        provisional=False,
    )


CONTACT = str(r.CONTACT_ID)


@pytest.mark.parametrize(
    ("fact", "mails"),
    [
        (r.deadline_set(), [("request_received", CONTACT), ("new_request_for_reviewers", "reviewer")]),
        (r.deadline_set(cycle=2), [("request_received", CONTACT), ("new_request_for_reviewers", "reviewer")]),
        (r.reviewed("returned", text_id=r.TEXT_ID), [("request_returned", CONTACT)]),
        (r.reviewed("rejected", text_id=r.TEXT_ID), [("request_rejected", CONTACT)]),
        (r.withdrawn(), [("request_withdrawn", CONTACT)]),
        (r.set_aside(), [("request_set_aside", CONTACT)]),
        (r.activation_failed(), [("activation_failed", "operator")]),
        (r.deadline_breached(), [("request_breached", "reviewer"), ("request_breached", "head")]),
        (
            complaint_deadline_set(),
            [("complaint_received", str(COMPLAINANT_ID)), ("new_complaint_for_officers", "complaint-officer")],
        ),
        (complaint_deadline_set(None), [("new_complaint_for_officers", "complaint-officer")]),
        (r.reviewed(), []),
        (r.submitted(), []),
        (r.confirmed(), []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fact) else "",
)  # fmt: skip
def test_each_fact_tells_those_whom_it_concerns(fact: Fact, mails: list[tuple[str, str]]) -> None:
    assert told(fact) == mails


def test_the_breach_of_a_complaint_is_told_to_its_officers() -> None:
    breached = clock.DeadlineBreached(
        subject=complaint(None), name="settlement", cycle=1, due_on=r.DUE_ON, breach_at=r.BREACH_AT
    )
    assert told(breached) == [("complaint_breached", "complaint-officer")]


def test_mails_of_a_midnight_breach_wait_for_eight_in_the_morning_of_a_working_day() -> None:
    eight_on_wednesday = datetime(2026, 11, 25, 1, tzinfo=UTC)
    for at in (r.BREACH_AT, r.BREACH_AT + timedelta(hours=1), r.MONDAY):
        assert {each.send_at for each in notifications(r.deadline_breached(), at)} == {eight_on_wednesday}  # fmt: skip
    saturday = datetime(2026, 11, 28, 5, tzinfo=UTC)
    (first, _) = notifications(r.deadline_breached(), saturday)
    assert first.send_at == datetime(2026, 11, 30, 1, tzinfo=UTC)


def test_the_same_fact_again_is_the_same_notification_and_another_cycle_is_another() -> None:
    again = [each.notification_id for each in notifications(r.deadline_set(), r.BREACH_AT)]
    first = [each.notification_id for each in notifications(r.deadline_set())]
    second = [each.notification_id for each in notifications(r.deadline_set(cycle=2))]
    assert first == again
    assert not {*first} & {*second}


def test_a_reviewer_without_words_gives_a_mail_without_reason() -> None:
    (mail,) = notifications(r.reviewed("returned", text_id=None))
    assert "text_id" not in mail.values


@given(any_fact())
def test_every_fact_makes_mails_of_its_own_subject_or_none(
    fact: tuple[type[Fact], dict[str, object]],
) -> None:
    kind, content = fact
    said = kind.model_validate(content, strict=False)
    if isinstance(said, clock.DeadlineBreached):
        said = said.model_copy(update={"breach_at": r.BREACH_AT})  # a time the calendar knows
    subject = getattr(said, "subject", None)
    subject_id = subject.subject_id if subject else getattr(said, "request_id", None)
    for to in react(said, r.MONDAY, CALENDAR):
        assert to.stream_id == str(subject_id)
