"""What notifier knows of the correspondence about a subject: its mails, and its one confirmation letter."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from services.notifier.commands import Notification, Subject
from services.notifier.events import (
    ConfirmationRequested,
    ConfirmationRuledOut,
    Event,
    LetterMade,
    LetterNumbered,
    NotificationDropped,
    NotificationRequested,
    NotificationSent,
    NotificationUndeliverable,
)

MailState = Literal["waiting", "sent", "dropped", "undeliverable"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A notification and how far it has come."""

    notification: Notification
    state: MailState = "waiting"


@dataclass(frozen=True, slots=True)
class Letter:
    """A numbered letter; `made` once its bytes are stored."""

    letter_id: UUID
    letter_number: str
    numbered_at: datetime
    made: bool = False


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the confirmation letter says, and the letter itself once it is numbered."""

    subject: Subject
    user_id: str
    group: str
    activated_at: datetime
    letter: Letter | None = None


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Everything said about one subject. `ruled_out`: there will be no confirmation."""

    mails: Mapping[UUID, Mail] = field(default_factory=dict)
    confirmation: Confirmation | None = None
    ruled_out: bool = False


State = Correspondence


def initial() -> State:
    """Nobody has been told anything."""
    return Correspondence()


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case NotificationRequested(notification=notification):
            return _with(state, Mail(notification))
        case NotificationDropped(notification_id=notification_id):
            return _ended(state, notification_id, "dropped")
        case ConfirmationRequested():
            confirmation = Confirmation(
                event.subject, event.user_id, event.group, event.activated_at
            )
            return replace(state, confirmation=confirmation)
        case ConfirmationRuledOut():
            return replace(state, ruled_out=True)
        case LetterNumbered():
            letter = Letter(event.letter_id, event.letter_number, event.numbered_at)
            return _letter(state, letter)
        case LetterMade():
            assert state.confirmation is not None  # noqa: S101 - a letter is numbered for a confirmation
            assert state.confirmation.letter is not None  # noqa: S101 - likewise
            return _letter(state, replace(state.confirmation.letter, made=True))
        case NotificationSent(notification_id=notification_id):
            return _ended(state, notification_id, "sent")
        case NotificationUndeliverable(notification_id=notification_id):
            return _ended(state, notification_id, "undeliverable")
        case _:
            assert_never(event)


def _with(state: State, mail: Mail) -> State:
    return replace(state, mails={**state.mails, mail.notification.notification_id: mail})


def _ended(state: State, notification_id: UUID, how: MailState) -> State:
    return _with(state, replace(state.mails[notification_id], state=how))


def _letter(state: State, letter: Letter) -> State:
    assert state.confirmation is not None  # noqa: S101 - a letter is numbered for a confirmation
    return replace(state, confirmation=replace(state.confirmation, letter=letter))
