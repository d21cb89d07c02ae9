"""complaints' own event -> view rows, and the queries of its pages: all SQL of the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.complaints import events
from services.complaints.events import Event
from services.complaints.state import NotFiled, State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.store import Delete, Recorded, Upsert
from shared.people.persons import Personal

VIEWS = ("complaints", "complaint_timeline")
"""The tables that `rows` writes: the events say all of them again."""


def rows(recorded: Recorded[Event], state: State) -> Iterable[Upsert | Delete]:
    """One row per complaint, one line per happening."""
    if isinstance(state, NotFiled):
        return []
    row = Upsert(
        "complaints",
        {"complaint_id": state.complaint_id},
        {
            "registration_number": state.registration_number,
            "channel": state.channel,
            "category": state.category,
            "status": "filed",
            "received_at": state.received_at,
            "due_on": state.clock.due_on if state.clock else None,
            "breached": state.clock.breached if state.clock else False,
            "complainant_id": state.complainant_id,
            "confidential": state.confidential,
        },
    )
    match recorded.event:
        case events.ComplaintFiled():
            happening = {"at": recorded.event.registered_at, "what": "filed"}
        case events.DeadlineBreached():
            happening = {"at": recorded.event.breach_at, "what": "deadline_breached"}
        case _:
            return [row]
    key = {"complaint_id": state.complaint_id, "version": recorded.version}
    return [row, Upsert("complaint_timeline", key, happening)]


def channel_reference(complaint_id: UUID, reference: str) -> Personal:
    """How the channel names the complaint, to be stored with the filing."""
    return Personal(
        (Upsert("channel_references", {"complaint_id": complaint_id}, {"reference": reference}),)
    )


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the timeline."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class ComplaintView:
    """A complaint as its complainant and the officers see it."""

    complaint_id: UUID
    registration_number: str
    channel: str
    category: str | None
    status: str
    received_at: datetime
    due_on: date | None
    breached: bool
    timeline: Sequence[Happening]

    def answer(self) -> dict[str, object]:
        """As the API tells it (DOMAIN section 7)."""
        return {
            "status": self.status,
            "registration_number": self.registration_number,
            "channel": self.channel,
            "category": self.category,
            "received_at": self.received_at.isoformat(),
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "breached": self.breached,
            "timeline": [{"at": line.at.isoformat(), "what": line.what} for line in self.timeline],
        }


async def find_complaint(pool: Pool, complaint_id: UUID) -> ComplaintView | None:
    """One complaint with its timeline, oldest happening first."""
    row = await pool.fetchrow("select * from complaints where complaint_id = $1", complaint_id)
    if row is None:
        return None
    lines = await pool.fetch(
        "select at, what from complaint_timeline where complaint_id = $1 order by at, version",
        complaint_id,
    )
    names = [name for name in ComplaintView.__slots__ if name != "timeline"]
    timeline = [Happening(line["at"], line["what"]) for line in lines]
    return ComplaintView(**{name: row[name] for name in names}, timeline=timeline)
