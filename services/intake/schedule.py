"""intake's own event -> due work to set or cancel; due work -> command."""

from collections.abc import Iterable
from datetime import timedelta
from typing import assert_never

from services.intake import events
from services.intake.commands import BreachDeadline
from services.intake.events import Event
from services.intake.state import State
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.store import CancelDue, SetDue

DEADLINE = "deadline"
NOTICED_LATE_AFTER = timedelta(minutes=1)


def due(event: Event, state: State) -> Iterable[SetDue | CancelDue]:  # noqa: ARG001 - the shape of every service
    """A running clock has one entry, due at its breach instant."""
    match event:
        case events.DeadlineSet():
            return [SetDue(_name(event.cycle), DEADLINE, event.breach_at, {"cycle": event.cycle})]
        case events.DeadlineStopped() | events.DeadlineBreached():
            return [CancelDue(_name(event.cycle))]
        case (
            events.RequestSubmitted()
            | events.RequestResubmitted()
            | events.DeadlineBreachRevoked()
            | events.ReviewNoted()
            | events.ActivationNoted()
            | events.ActivationFailureNoted()
            | events.ConfirmationNoted()
            | events.RequestWithdrawn()
            | events.RequestSetAside()
            | events.RequestClosed()
        ):
            return []
        case _:
            assert_never(event)


def to_command(entry: Due) -> BreachDeadline:
    """The command says the due instant; `late` when it was noticed more than a minute after it."""
    late = entry.claimed_at - entry.due_at > NOTICED_LATE_AFTER
    return BreachDeadline(int(entry.payload["cycle"]), entry.due_at, late)


def _name(cycle: int) -> str:
    return f"{DEADLINE}:{cycle}"
