"""provisioning's own event -> due work on the platform. One entry per request, until its account is settled."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from services.provisioning import events
from services.provisioning.events import Event
from services.provisioning.state import State
from shared.event_sourcing.store import CancelDue, SetDue

PLATFORM = "platform"
AFTER_FAILURE = timedelta(minutes=5)


def due(event: Event, state: State) -> Iterable[SetDue | CancelDue]:  # noqa: ARG001 - the shape of every service
    """The entry is never cancelled by a drop: the work looks at the state and suspends what it may have made."""
    match event:
        case events.ActivationRequested():
            return [_entry(event.subject.request_id, event.requested_at)]
        case events.ActivationFailed():
            return [_entry(event.request_id, event.failed_at + AFTER_FAILURE)]
        case events.SuspensionRequested():
            return [_entry(event.request_id, event.requested_at)]
        case (
            events.RequestDropped()
            | events.AccountActivated()
            | events.AdministratorReplaced()
            | events.AccountSuspended()
            | events.ActivationAbandoned()
        ):
            return []
        case _:
            assert_never(event)


def _entry(request_id: UUID, due_at: datetime) -> SetDue:
    return SetDue(f"{PLATFORM}:{request_id}", PLATFORM, due_at, {"request_id": str(request_id)})
