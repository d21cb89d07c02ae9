"""What one may ask of a complaint."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.subjects import Category, Channel
from shared.working_time.calendar import WorkingCalendar
from shared.working_time.deadlines import Limit


@dataclass(frozen=True, slots=True)
class Clock:
    """The limit that applies and the working calendar that turns it into a due date."""

    standard: str
    limit: Limit
    calendar: WorkingCalendar
    calendar_version: int


@dataclass(frozen=True, slots=True)
class FileComplaint:
    """A complaint by any of the eight channels; `received_at` is None when it is received as it arrives."""

    complaint_id: UUID
    registration_number: str
    channel: Channel
    category: Category | None
    text_id: UUID
    complainant_id: UUID | None
    confidential: bool
    request_number: str | None
    received_at: datetime | None
    registered_by: UUID | None
    clock: Clock
    at: datetime


@dataclass(frozen=True, slots=True)
class BreachDeadline:
    """The breach instant of a cycle has come; `at` is that instant, however late it is noticed."""

    cycle: int
    at: datetime
    late: bool


Command = FileComplaint | BreachDeadline
