"""review's own event -> view rows, and the queries of its pages: all SQL of the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.review.events import Event
from services.review.state import Case, Decided, Dropped, State, Undecided, Unknown
from shared.event_sourcing.database import Pool
from shared.event_sourcing.store import Delete, Recorded, Upsert

VIEWS = ("cases",)
"""The tables that `rows` writes: the events say all of them again."""

CaseState = Literal["open", "approved", "returned", "rejected", "dropped"]
QUEUE_MAX = 500


def rows(recorded: Recorded[Event], state: State) -> Iterable[Upsert | Delete]:  # noqa: ARG001 - a case is shown as it is
    """One row per case; none for a request of which only a date or a withdrawal was heard."""
    match state:
        case Unknown() | Dropped(case=None):
            return []
        case Undecided(case=case):
            return [_row(case, "open", None, None)]
        case Decided(case=case):
            return [_row(case, state.outcome, state.officer_id, state.decided_at)]
        case Dropped(case=case):
            assert case is not None  # noqa: S101 - the first arm took the other
            return [_row(case, "dropped", None, None)]


def _row(
    case: Case, state: CaseState, officer_id: UUID | None, decided_at: datetime | None
) -> Upsert:
    return Upsert(
        "cases",
        {"request_id": case.subject.request_id},
        {
            "registration_number": case.subject.registration_number,
            "agency_code": case.subject.agency_code,
            "kind": case.subject.kind,
            "state": state,
            "due_on": case.due_on,
            "received_at": case.received_at,
            "version": case.version,
            "cycle": case.cycle,
            "administrator_id": case.subject.administrator_id,
            "contact_id": case.subject.contact_id,
            "letter_id": case.letter_id,
            "appointment_id": case.appointment_id,
            "officer_id": officer_id,
            "decided_at": decided_at,
        },
    )


@dataclass(frozen=True, slots=True)
class CaseView:
    """A line of the queue."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: str
    due_on: date | None
    version: int
    state: CaseState
    contact_id: UUID


async def find_cases(pool: Pool, state: CaseState) -> Sequence[CaseView]:
    """Up to 500 cases of this state, the earliest due first."""
    found = await pool.fetch(
        """select request_id, registration_number, agency_code, kind, due_on, version, state, contact_id
        from cases where state = $1 order by due_on nulls first, received_at limit $2""",
        state, QUEUE_MAX,
    )  # fmt: skip
    return [CaseView(**dict(row)) for row in found]


async def find_case(pool: Pool, request_id: UUID) -> CaseView | None:
    """One case, whatever its state."""
    row = await pool.fetchrow(
        """select request_id, registration_number, agency_code, kind, due_on, version, state, contact_id
        from cases where request_id = $1""",
        request_id,
    )
    return CaseView(**dict(row)) if row else None
