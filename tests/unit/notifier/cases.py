"""The correspondence about one request, as far as it may have come."""

from datetime import timedelta
from uuid import UUID

from services.notifier import commands as c
from services.notifier.decisions import decide
from services.notifier.events import Event
from services.notifier.reactions import confirmation_mail, react
from services.notifier.state import Confirmation, Letter, State, evolve, initial
from shared.contracts.registry import Fact
from shared.event_sourcing.decider import Decider
from shared.working_time.calendar import WorkingCalendar
from tests.support import requests as r
from tests.support.given import Past

Letters = Past[c.Command, State, Event]

CALENDAR = WorkingCalendar.bundled()
LETTER_ID = UUID(int=77)
NUMBER = "000.8/17/DISKOMINFO-C/2026"
NUMBERED_AT = r.MONDAY + timedelta(minutes=1)
SENT_AT = r.MONDAY + timedelta(minutes=2)
LETTER = Letter(LETTER_ID, NUMBER, NUMBERED_AT)
CONFIRMATION = Confirmation(
    c.Subject(**r.IDENTITY), r.ACCOUNT["user_id"], r.ACCOUNT["group"], r.MONDAY, LETTER
)
NOTHING: Letters = Past(Decider(initial, decide, evolve))


def heard(past: Letters, *facts: Fact) -> Letters:
    """The correspondence after these facts came in on Monday morning."""
    for fact in facts:
        for to in react(fact, r.MONDAY, CALENDAR):
            past = past.after(to.command)
    return past


def number() -> c.NumberLetter:
    return c.NumberLetter(LETTER_ID, 17, 2026, NUMBER, NUMBERED_AT)


def mail() -> c.Notification:
    """The mail that carries the letter."""
    return confirmation_mail(CONFIRMATION, LETTER)


def make() -> c.RecordLetter:
    return c.RecordLetter(LETTER_ID, "0" * 64, mail())


def sent(notification_id: UUID) -> c.RecordSent:
    return c.RecordSent(notification_id, SENT_AT)


def refused(notification_id: UUID) -> c.RecordUndeliverable:
    return c.RecordUndeliverable(notification_id, "mailbox_unknown", SENT_AT)


ACTIVE = heard(NOTHING, r.activated())
NUMBERED = ACTIVE.after(number())
MADE = NUMBERED.after(make())
CONFIRMED = MADE.after(sent(mail().notification_id))
