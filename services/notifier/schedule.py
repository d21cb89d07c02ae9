"""notifier's own event -> due work: mails, and the steps of a letter (number it, make it)."""

from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

from services.notifier import events
from services.notifier.events import Event
from services.notifier.state import State
from shared.event_sourcing.store import CancelDue, SetDue

MAIL = "mail"
LETTER = "letter"


def due(event: Event, state: State) -> Iterable[SetDue | CancelDue]:
    """One entry per mail until it is sent; one for the letter until it is made.

    A dropped mail keeps its entry: its work gives up by itself, unless it is just being sent and has to say so.
    """
    match event:
        case events.NotificationRequested(notification=notification):
            payload = {"notification_id": str(notification.notification_id)}
            return [
                SetDue(_mail(notification.notification_id), MAIL, notification.send_at, payload)
            ]
        case events.NotificationDropped():
            return []
        case (
            events.NotificationSent(notification_id=notification_id)
            | events.NotificationUndeliverable(notification_id=notification_id)
        ):
            return [CancelDue(_mail(notification_id))]
        case events.ConfirmationRequested():
            return [SetDue(LETTER, LETTER, event.requested_at)]
        case events.LetterNumbered() if not state.ruled_out:
            return [SetDue(LETTER, LETTER, event.numbered_at)]
        case events.LetterNumbered() | events.ConfirmationRuledOut() | events.LetterMade():
            return [CancelDue(LETTER)]
        case _:
            assert_never(event)


def _mail(notification_id: UUID) -> str:
    return f"{MAIL}:{notification_id}"
