"""What complaints remembers of a complaint. Ids and codes only: the narrative is a text of the mutable table."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from shared.contracts.subjects import Category, Channel


@dataclass(frozen=True, slots=True)
class ComplaintFiled:
    """A complaint was registered under a number of the gapless register."""

    complaint_id: UUID
    registration_number: str
    channel: Channel
    category: Category | None
    text_id: UUID
    complainant_id: UUID | None
    confidential: bool
    request_number: str | None
    received_at: datetime
    registered_at: datetime
    registered_by: UUID | None
    standard: str


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """The clock of a cycle runs: on time strictly before `breach_at`."""

    cycle: int
    due_on: date
    breach_at: datetime
    provisional: bool
    calendar_version: int


@dataclass(frozen=True, slots=True)
class DeadlineBreached:
    """The breach instant passed; `late` = it was noticed more than a minute after it."""

    cycle: int
    due_on: date
    breach_at: datetime
    late: bool


Event = ComplaintFiled | DeadlineSet | DeadlineBreached
EVENTS: tuple[type[Event], ...] = (ComplaintFiled, DeadlineSet, DeadlineBreached)
