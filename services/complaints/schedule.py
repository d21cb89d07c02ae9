"""complaints' own event -> due work to set or cancel; due work -> command."""

from collections.abc import Iterable
from datetime import timedelta
from typing import assert_never

from services.complaints import events
from services.complaints.commands import BreachDeadline
from services.complaints.events import Event
from services.complaints.state import State
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.store import CancelDue, SetDue

DEADLINE = "deadline"
NOTICED_LATE_AFTER = timedelta(minutes=1)


def due(event: Event, state: State) -> Iterable[SetDue | CancelDue]:  # noqa: ARG001 - the shape of every service
    """A running clock has one entry, due at its breach instant."""
    match event:
        case events.DeadlineSet():
            name = f"{DEADLINE}:{event.cycle}"
            return [SetDue(name, DEADLINE, event.breach_at, {"cycle": event.cycle})]
        case events.DeadlineBreached():
            return [CancelDue(f"{DEADLINE}:{event.cycle}")]
        case events.ComplaintFiled():
            return []
        case _:
            assert_never(event)


def to_command(entry: Due) -> BreachDeadline:
    """The command says the due instant; `late` when it was noticed more than a minute after it."""
    late = entry.claimed_at - entry.due_at > NOTICED_LATE_AFTER
    return BreachDeadline(int(entry.payload["cycle"]), entry.due_at, late)
