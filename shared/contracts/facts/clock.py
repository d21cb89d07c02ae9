"""What the clock of the law says, said by the owner of the subject: intake of requests, complaints of complaints.

A reader may rely on this: each deadline ends exactly once, as met, moved, stopped or breached; never early, and at the
due instant's time even when it is noticed late.
"""

from typing import Literal

from shared.contracts.fact import Code, Count, Day, Decree, Fact, Instant
from shared.contracts.subjects import ComplaintSubject, RequestSubject, Subject

__all__ = [  # the subjects too: who reads the clock asks whose it is
    "ComplaintSubject",
    "DeadlineApproaching",
    "DeadlineBreachRevoked",
    "DeadlineBreached",
    "DeadlineFact",
    "DeadlineMoved",
    "DeadlineSet",
    "RequestSubject",
    "Subject",
]


class DeadlineFact(Fact):
    """Which deadline of which subject, in which cycle. On time is strictly before `breach_at`."""

    subject: Subject
    name: Code
    cycle: Count
    due_on: Day
    breach_at: Instant


class DeadlineSet(DeadlineFact):
    """The clock of this cycle runs, counted from the local date of `received_at`.

    `provisional`: it reaches into a year that has no holiday decree yet.
    """

    received_at: Instant
    calendar_version: Count
    provisional: bool


class DeadlineMoved(DeadlineFact):
    """A decree changed the calendar and with it this due date. Deadlines only ever move later."""

    previous_due_on: Day
    calendar_version: Count
    previous_calendar_version: Count
    decree: Decree


class DeadlineApproaching(DeadlineFact):
    """A warning, said at 08:00 of a working day. `late`: its own moment had been missed."""

    stage: Literal["half_time", "day_before", "due_date"]
    late: bool = False


class DeadlineBreached(DeadlineFact):
    """The deadline passed at `breach_at`, whenever that was noticed. Only a DeadlineBreachRevoked takes it back.

    `reclassified`: a new category's due date was past already, and `breach_at` is the instant of reclassification.
    `stage` counts the steps of the ladder (officer, head of Bidang, Kepala Dinas), one working day apart.
    """

    cause: Literal["elapsed", "reclassified"] = "elapsed"
    stage: Count | None = None
    late: bool = False


class DeadlineBreachRevoked(DeadlineFact):
    """The clock had stopped before `breach_at` and we learned it afterwards: there was no breach."""

    stopped_at: Instant
