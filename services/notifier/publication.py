"""notifier's own event -> at most one public fact."""

from collections.abc import Mapping
from typing import assert_never

from services.notifier import events
from services.notifier.decisions import CONFIRMED
from services.notifier.events import Event
from services.notifier.state import State
from shared.contracts.facts import notifier
from shared.contracts.registry import Fact
from shared.contracts.subjects import ComplaintSubject, RequestSubject, Subject


def to_public(event: Event, state: State) -> Fact | None:
    """A confirmation that went out, and a mail that cannot be delivered."""
    match event:
        case events.NotificationSent(template=template) if template == CONFIRMED:
            return _confirmation(event, state)
        case events.NotificationUndeliverable():
            return notifier.NotificationUndeliverable(
                subject=_subject(state.mails[event.notification_id].notification.values),
                notification_id=event.notification_id,
                template=event.template,
                reason_code=event.reason_code,
                failed_at=event.failed_at,
            )
        case (
            events.NotificationSent()
            | events.NotificationRequested()
            | events.NotificationDropped()
            | events.ConfirmationRequested()
            | events.ConfirmationRuledOut()
            | events.LetterNumbered()
            | events.LetterMade()
        ):
            return None
        case _:
            assert_never(event)


def _subject(values: Mapping[str, str]) -> Subject:
    """A mail keeps the ids of what it is about among its values, as text: read them back."""
    kind = ComplaintSubject if "channel" in values else RequestSubject
    fields = {name: values.get(name) for name in kind.model_fields if name != "type"}
    own_id = "complaint_id" if kind is ComplaintSubject else "request_id"
    return kind.model_validate({**fields, own_id: values["subject_id"]}, strict=False)


def _confirmation(event: events.NotificationSent, state: State) -> Fact | None:
    confirmation = state.confirmation
    if confirmation is None or confirmation.letter is None:
        return None
    subject = confirmation.subject
    return notifier.ConfirmationSent(
        request_id=subject.request_id,
        registration_number=subject.registration_number,
        agency_code=subject.agency_code,
        kind=subject.kind,
        administrator_id=subject.administrator_id,
        contact_id=subject.contact_id,
        letter_number=confirmation.letter.letter_number,
        sent_at=event.sent_at,
    )
