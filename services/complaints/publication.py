"""complaints' own event -> at most one public fact, which repeats the ids of its complaint."""

from typing import TypedDict, assert_never
from uuid import UUID

from services.complaints import events
from services.complaints.events import Event
from services.complaints.state import Filed, NotFiled, State
from shared.contracts.facts import clock, complaints
from shared.contracts.registry import Fact
from shared.contracts.subjects import Category, Channel, ComplaintSubject

SETTLEMENT = "settlement"


class _Repeated(TypedDict):
    complaint_id: UUID
    registration_number: str
    complainant_id: UUID | None
    channel: Channel
    category: Category | None
    confidential: bool


def _repeated(filed: Filed) -> _Repeated:
    return {
        "complaint_id": filed.complaint_id,
        "registration_number": filed.registration_number,
        "complainant_id": filed.complainant_id,
        "channel": filed.channel,
        "category": filed.category,
        "confidential": filed.confidential,
    }


def to_public(event: Event, state: State) -> Fact | None:
    """What the others are told."""
    if isinstance(state, NotFiled):
        return None
    match event:
        case events.ComplaintFiled():
            return complaints.ComplaintFiled(
                **_repeated(state),
                received_at=event.received_at,
                registered_at=event.registered_at,
                anonymous=event.complainant_id is None,
                request_number=event.request_number,
                registered_by=event.registered_by,
            )
        case events.DeadlineSet():
            return clock.DeadlineSet(
                subject=ComplaintSubject(**_repeated(state)),
                name=SETTLEMENT,
                cycle=event.cycle,
                due_on=event.due_on,
                breach_at=event.breach_at,
                received_at=state.received_at,
                calendar_version=event.calendar_version,
                provisional=event.provisional,
            )
        case events.DeadlineBreached():
            return clock.DeadlineBreached(
                subject=ComplaintSubject(**_repeated(state)),
                name=SETTLEMENT,
                cycle=event.cycle,
                due_on=event.due_on,
                breach_at=event.breach_at,
                cause="elapsed",
                stage=None,
                late=event.late,
            )
        case _:
            assert_never(event)
