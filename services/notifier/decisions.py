"""The law of the correspondence: each notification once, a confirmation only while nothing rules it out (P8)."""

from collections.abc import Sequence
from typing import assert_never

from services.notifier.commands import (
    Command,
    Confirm,
    DropBreachMails,
    EndCorrespondence,
    Notification,
    Notify,
    NumberLetter,
    RecordLetter,
    RecordSent,
    RecordUndeliverable,
)
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
from services.notifier.state import State
from shared.event_sourcing.outcomes import Refused

CONFIRMED = "request_confirmed"
MOOT = frozenset({"request_returned", "request_rejected", "activation_failed"})
"""What nobody has to be told any more of a request that was withdrawn or set aside."""
BREACHED = ("request_breached", "complaint_breached")


def decide(command: Command, state: State) -> Sequence[Event]:
    """What happens when the command meets the state; raises Refused when it must not happen."""
    match command:
        case Notify():
            return notify(command.notifications, state)
        case Confirm():
            return confirm(command, state)
        case EndCorrespondence():
            return end(command, state)
        case DropBreachMails():
            return drop_breach_mails(command, state)
        case NumberLetter():
            return number_letter(command, state)
        case RecordLetter():
            return record_letter(command, state)
        case RecordSent():
            return record_sent(command, state)
        case RecordUndeliverable():
            return record_undeliverable(command, state)
        case _:
            assert_never(command)


def notify(notifications: Sequence[Notification], state: State) -> Sequence[Event]:
    """A notification has one id for ever: asked again, it is not sent again. After the end some are moot."""
    return [
        NotificationRequested(each)
        for each in notifications
        if each.notification_id not in state.mails
        and not (state.ruled_out and each.template in MOOT)
    ]


def confirm(command: Confirm, state: State) -> Sequence[Event]:
    """One letter per request; none after a withdrawal or a setting aside."""
    if state.ruled_out or state.confirmation:
        return []
    return [
        ConfirmationRequested(
            command.subject, command.user_id, command.group, command.activated_at, command.at
        )
    ]


def end(command: EndCorrespondence, state: State) -> Sequence[Event]:
    """A confirmation that was not sent yet is dropped, numbered letter or not, and so is what has become moot.

    The contact is told of the end.
    """
    if state.ruled_out:
        return []
    dropped = [
        NotificationDropped(mail.notification.notification_id)
        for mail in state.mails.values()
        if mail.state == "waiting" and mail.notification.template in {CONFIRMED, *MOOT}
    ]
    subject_id = command.notification.values["subject_id"]
    return [
        ConfirmationRuledOut(subject_id),
        *dropped,
        *notify([command.notification], state),
    ]


def drop_breach_mails(command: DropBreachMails, state: State) -> Sequence[Event]:
    """What was sent stays sent."""
    return [
        NotificationDropped(mail.notification.notification_id)
        for mail in state.mails.values()
        if mail.state == "waiting"
        and mail.notification.template in BREACHED
        and mail.notification.values["cycle"] == str(command.cycle)
    ]


def number_letter(command: NumberLetter, state: State) -> Sequence[Event]:
    """A letter is numbered once; a confirmation that was ruled out takes no number."""
    if state.ruled_out or state.confirmation is None or state.confirmation.letter:
        return []
    return [
        LetterNumbered(
            command.letter_id, command.number, command.year, command.letter_number, command.at
        )
    ]


def record_letter(command: RecordLetter, state: State) -> Sequence[Event]:
    """Made once, then mailed, unless it was ruled out meanwhile."""
    letter = state.confirmation.letter if state.confirmation else None
    if letter is None or letter.letter_id != command.letter_id:
        raise Refused("unknown_letter")
    if letter.made:
        return []
    made = LetterMade(command.letter_id, command.sha256)
    return [made] if state.ruled_out else [made, *notify([command.notification], state)]


def record_sent(command: RecordSent, state: State) -> Sequence[Event]:
    """Known by its id; what was dropped while the mail server took it was sent all the same."""
    mail = state.mails.get(command.notification_id)
    if mail is None:
        raise Refused("unknown_notification")
    if mail.state == "sent":
        return []
    return [NotificationSent(command.notification_id, mail.notification.template, command.sent_at)]


def record_undeliverable(command: RecordUndeliverable, state: State) -> Sequence[Event]:
    """Seen by officers; the clock goes on."""
    mail = state.mails.get(command.notification_id)
    if mail is None:
        raise Refused("unknown_notification")
    if mail.state != "waiting":
        return []
    return [
        NotificationUndeliverable(
            command.notification_id, mail.notification.template, command.reason_code, command.at
        )
    ]
