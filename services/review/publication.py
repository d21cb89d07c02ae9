"""review's own event -> at most one public fact."""

from typing import assert_never

from services.review.events import CaseDecided, CaseDropped, CaseOpened, DueDateNoted, Event
from services.review.state import Decided, State
from shared.contracts.facts.review import RequestReviewed
from shared.contracts.registry import Fact


def to_public(event: Event, state: State) -> Fact | None:
    """Only the decision is said; the reason's text travels on the topic of review texts."""
    match event:
        case CaseDecided():
            assert isinstance(state, Decided)  # noqa: S101 - what evolve makes of this event
            subject = state.case.subject
            return RequestReviewed(
                request_id=subject.request_id,
                registration_number=subject.registration_number,
                agency_code=subject.agency_code,
                kind=subject.kind,
                administrator_id=subject.administrator_id,
                contact_id=subject.contact_id,
                cycle=event.cycle,
                outcome=event.outcome,
                reason_code=None,
                text_id=event.text_id,
                officer_id=event.officer_id,
                reviewed_at=event.decided_at,
            )
        case CaseOpened() | DueDateNoted() | CaseDropped():
            return None
        case _:
            assert_never(event)
