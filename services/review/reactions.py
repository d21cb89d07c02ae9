"""A fact of intake -> what review does about it."""

from collections.abc import Iterable
from datetime import datetime

from services.review.commands import Command, DropCase, NoteDueDate, OpenCase, Subject
from shared.contracts.facts import clock, intake
from shared.contracts.registry import Fact
from shared.contracts.subjects import RequestSubject
from shared.event_sourcing.decider import To


def react(fact: Fact, at: datetime) -> Iterable[To[Command]]:  # noqa: ARG001 - every time of ours stands in the fact
    """The request's stream is named by the fact alone."""
    match fact:
        case intake.RequestSubmitted():
            opened = OpenCase(
                _subject(fact), fact.cycle, fact.received_at, fact.letter_id, fact.appointment_id, fact.registered_by
            )  # fmt: skip
            return [To(str(fact.request_id), opened)]
        case intake.RequestResubmitted():
            reopened = OpenCase(
                _subject(fact), fact.cycle, fact.received_at, fact.letter_id, fact.appointment_id, fact.registered_by
            )  # fmt: skip
            return [To(str(fact.request_id), reopened)]
        case clock.DeadlineSet(subject=RequestSubject() as subject):
            noted = NoteDueDate(_subject(subject), fact.cycle, fact.due_on)
            return [To(str(subject.request_id), noted)]
        case intake.RequestWithdrawn():
            return [To(str(fact.request_id), DropCase(_subject(fact), "withdrawn"))]
        case intake.RequestSetAside():
            return [To(str(fact.request_id), DropCase(_subject(fact), "set_aside"))]
        case _:
            return []


def _subject(
    fact: intake.RequestSubmitted
    | intake.RequestResubmitted
    | intake.RequestWithdrawn
    | intake.RequestSetAside
    | RequestSubject,
) -> Subject:
    return Subject(
        fact.request_id,
        fact.registration_number,
        fact.agency_code,
        fact.kind,
        fact.administrator_id,
        fact.contact_id,
    )
