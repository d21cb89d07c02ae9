"""What intake says of a request, on datacloud.requests.v1, keyed by the request's id."""

from typing import Literal
from uuid import UUID

from shared.contracts.fact import Count, Day, Instant
from shared.contracts.subjects import RequestFact


class RequestSubmitted(RequestFact):
    """An agency's letter is in the register. The clock runs from the day of `received_at`; the case awaits review.

    `registered_by` is the officer who typed it in, and who may not review it; none when the agency filed it itself.
    `letter_id` and `appointment_id` name files that only intake gives out.
    """

    cycle: Count = 1
    received_at: Instant
    registered_at: Instant
    letter_id: UUID
    appointment_id: UUID | None = None
    registered_by: UUID | None = None


class RequestResubmitted(RequestFact):
    """A returned request came back complete: a new cycle, a new review, and the clock starts anew at `received_at`.

    `registered_by` as in RequestSubmitted: who registered any part of a request may no longer review it.
    """

    cycle: Count
    received_at: Instant
    registered_at: Instant
    letter_id: UUID
    appointment_id: UUID | None = None
    registered_by: UUID | None = None


class RequestWithdrawn(RequestFact):
    """The agency took its request back. It wins over every other outcome: no account may stay enabled for it."""

    withdrawn_at: Instant


class RequestSetAside(RequestFact):
    """An officer found that the letter is not from that agency. Like a withdrawal, it wins over every other outcome."""

    set_aside_at: Instant
    officer_id: UUID


class RequestClosed(RequestFact):
    """The request has ended and its clock has stopped; the agency may file the next one.

    `on_time`: by what was known then, no breach stood, in any cycle. A DeadlineBreachRevoked may still follow.
    `due_on` is that of the last cycle; `closed_at` of a confirmation is when it was sent.
    """

    outcome: Literal["confirmed", "rejected", "withdrawn", "set_aside"]
    closed_at: Instant
    due_on: Day
    on_time: bool
