"""intake's own event -> view rows, and the queries of its pages: all SQL of the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.intake import events
from services.intake.events import Event
from services.intake.state import Closed, NotSubmitted, Request, Returned, State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.store import Delete, Recorded, Upsert
from shared.people.persons import Personal

VIEWS = ("requests", "request_timeline")
"""The tables that `rows` writes: the events say all of them again."""

Status = Literal[
    "submitted",
    "returned",
    "approved",
    "activation_failed",
    "active",
    "confirmed",
    "rejected",
    "withdrawn",
    "set_aside",
]


def status_of(state: State) -> Status:
    """The one word a PD sees. What was learned last in time does not matter, only what is known."""
    match state:
        case Closed(outcome=outcome):
            return outcome
        case Returned():
            return "returned"
        case NotSubmitted():
            message = "a request that was never submitted has no status"
            raise TypeError(message)
        case _:
            request = state.request
    if request.activation == "active":
        return "active"
    if request.activation == "failed":
        return "activation_failed"
    return "approved" if request.approved else "submitted"


def rows(recorded: Recorded[Event], state: State) -> Iterable[Upsert | Delete]:
    """One row per request, one line per happening that a PD would understand."""
    if isinstance(state, NotSubmitted):
        return []
    row = _request_row(state.request, status_of(state))
    happening = _happening(recorded.event)
    if happening is None:
        return [row]
    at, what = happening
    key = {"request_id": state.request.request_id, "version": recorded.version}
    return [row, Upsert("request_timeline", key, {"at": at, "what": what})]


def _request_row(request: Request, status: Status) -> Upsert:
    clock = None if status == "returned" else request.clock
    return Upsert(
        "requests",
        {"request_id": request.request_id},
        {
            "registration_number": request.registration_number,
            "agency_code": request.agency_code,
            "kind": request.kind,
            "status": status,
            "received_at": request.received_at,
            "due_on": clock.due_on if clock else None,
            "breached": request.breached,
            "cycle": request.cycle,
            "administrator_id": request.administrator_id,
            "contact_id": request.contact_id,
            "letter_id": request.letter_id,
            "appointment_id": request.appointment_id,
        },
    )


def _happening(event: Event) -> tuple[datetime, str] | None:
    match event:
        case events.RequestSubmitted():
            return event.registered_at, "submitted"
        case events.RequestResubmitted():
            return event.registered_at, "resubmitted"
        case events.ReviewNoted():
            return event.reviewed_at, event.outcome
        case events.ActivationNoted():
            return event.activated_at, "active"
        case events.ActivationFailureNoted():
            return event.failed_at, "activation_failed"
        case events.ConfirmationNoted():
            return event.sent_at, "confirmed"
        case events.RequestWithdrawn():
            return event.withdrawn_at, "withdrawn"
        case events.RequestSetAside():
            return event.set_aside_at, "set_aside"
        case events.DeadlineBreached():
            return event.breach_at, "deadline_breached"
        case events.DeadlineBreachRevoked():
            return event.stopped_at, "deadline_breach_revoked"
        case _:
            return None


def letter_details(letter_id: UUID, letter_number: str, letter_date: date) -> Personal:
    """What the PD wrote of its letter, to be stored with the submission."""
    values = {"letter_number": letter_number, "letter_date": letter_date}
    return Personal((Upsert("letter_details", {"letter_id": letter_id}, values),))


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the timeline."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as its PD and the officers see it."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: str
    status: Status
    received_at: datetime
    due_on: date | None
    breached: bool
    letter_id: UUID
    appointment_id: UUID | None
    timeline: Sequence[Happening]

    def answer(self) -> dict[str, object]:
        """As the API tells it (DOMAIN section 7)."""
        return {
            "status": self.status,
            "registration_number": self.registration_number,
            "agency_code": self.agency_code,
            "received_at": self.received_at.isoformat(),
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "breached": self.breached,
            "timeline": [{"at": line.at.isoformat(), "what": line.what} for line in self.timeline],
        }


async def find_request(pool: Pool, request_id: UUID) -> RequestView | None:
    """One request with its timeline, oldest happening first."""
    row = await pool.fetchrow("select * from requests where request_id = $1", request_id)
    if row is None:
        return None
    lines = await pool.fetch(
        "select at, what from request_timeline where request_id = $1 order by at, version",
        request_id,
    )
    names = [name for name in RequestView.__slots__ if name != "timeline"]
    timeline = [Happening(line["at"], line["what"]) for line in lines]
    return RequestView(**{name: row[name] for name in names}, timeline=timeline)


async def find_holder(pool: Pool, reservation: str) -> tuple[str, Status] | None:
    """Registration number and status of the request that holds a reserved name."""
    row = await pool.fetchrow(
        """select registration_number, status from reserved
        join requests on requests.request_id = reserved.stream_id::uuid where name = $1""",
        reservation,
    )
    return (row["registration_number"], row["status"]) if row else None


async def find_letter(pool: Pool, letter_id: UUID) -> bytes | None:
    """The bytes of a stored letter."""
    content: bytes | None = await pool.fetchval(
        "select bytes from letters where letter_id = $1", letter_id
    )
    return content
