"""Each notification once, one confirmation letter per request, and none after a withdrawal (P8)."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import commands as c
from services.notifier.events import EVENTS, NotificationSent
from services.notifier.publication import to_public
from services.notifier.reactions import confirmation_mail
from services.notifier.schedule import due
from services.notifier.state import initial
from shared.contracts.facts.notifier import ConfirmationSent, NotificationUndeliverable
from shared.contracts.registry import Fact
from shared.contracts.subjects import ComplaintSubject, RequestSubject
from shared.event_sourcing.outcomes import Refused
from tests.support import requests as r
from tests.support.given import names, read_back, told, waiting
from tests.unit.notifier.cases import (
    ACTIVE,
    CONFIRMED,
    LETTER,
    LETTER_ID,
    MADE,
    NOTHING,
    NUMBERED,
    NUMBERED_AT,
    SENT_AT,
    Letters,
    heard,
    mail,
    make,
    number,
    refused,
    sent,
)
from tests.unit.notifier.test_notifications import complaint_deadline_set

MAIL = f"mail:{mail().notification_id}"


def only(past: Letters) -> c.Notification:
    (one,) = [mail.notification for mail in past.state.mails.values()]
    return one


def test_the_letter_is_numbered_then_made_then_mailed_then_told() -> None:
    assert list(waiting(ACTIVE, due)) == ["letter"]
    assert waiting(NUMBERED, due)["letter"].due_at == NUMBERED_AT
    assert list(waiting(MADE, due)) == [MAIL]
    assert waiting(CONFIRMED, due) == {}
    assert told(CONFIRMED, to_public) == [r.confirmed(sent_at=SENT_AT)]


def test_each_step_happens_once() -> None:
    assert heard(ACTIVE, r.activated(), r.replaced()) == ACTIVE
    assert NUMBERED.when(number()) == MADE.when(make()) == []
    assert CONFIRMED.when(sent(mail().notification_id)) == []
    assert NOTHING.when(number()) == [], "what was never asked for takes no number"


def test_a_replaced_administrator_is_confirmed_by_letter_too() -> None:
    assert names(heard(NOTHING, r.replaced()).events) == ["ConfirmationRequested"]


@pytest.mark.parametrize("end", [r.withdrawn(), r.set_aside()])
@pytest.mark.parametrize("past", [NOTHING, ACTIVE, NUMBERED, MADE])
def test_after_a_withdrawal_no_confirmation_goes_out(past: Letters, end: Fact) -> None:
    after = heard(past, end)
    told_end = f"request_{'withdrawn' if end == r.withdrawn() else 'set_aside'}"
    assert [after.state.mails[entry].notification.template for entry in open_mails(after)] == [
        told_end
    ]
    assert "letter" not in waiting(after, due)
    assert heard(after, r.activated(), end).events[len(after.events) :] == ()
    assert after.when(number()) == []


def open_mails(past: Letters) -> list[UUID]:
    return [key for key, mail in past.state.mails.items() if mail.state == "waiting"]


def test_after_the_end_no_mail_goes_out_about_what_has_become_moot() -> None:
    moot = (
        r.reviewed("returned", text_id=r.TEXT_ID),
        r.reviewed("rejected", text_id=r.TEXT_ID),
        r.activation_failed(),
    )
    ended = {"request_withdrawn": r.withdrawn(), "request_set_aside": r.set_aside()}
    for told_end, end in ended.items():
        for past in (heard(NOTHING, *moot, end), heard(NOTHING, end, *moot)):
            assert [past.state.mails[key].notification.template for key in open_mails(past)] == [
                told_end
            ]
    first = next(iter(heard(NOTHING, moot[0]).state.mails))
    assert heard(heard(NOTHING, moot[0]).after(sent(first)), r.withdrawn()).state.mails[
        first
    ].state == ("sent"), "what was sent stays sent"


def test_a_dropped_mail_keeps_its_entry_so_that_one_in_flight_can_still_say_it_was_sent() -> None:
    dropped = heard(MADE, r.withdrawn())
    assert MAIL in waiting(dropped, due)
    assert dropped.when(refused(mail().notification_id)) == [], "its work gives up without a word"
    assert MAIL not in waiting(dropped.after(sent(mail().notification_id)), due)


def test_the_letter_and_its_mail_name_the_user_and_the_group() -> None:
    confirmation = ACTIVE.state.confirmation
    assert confirmation is not None
    assert (confirmation.user_id, confirmation.group) == ("dc-bappeda-7f3a", "pd-bappeda")
    values = confirmation_mail(confirmation, LETTER).values
    assert (values["user_id"], values["group"]) == ("dc-bappeda-7f3a", "pd-bappeda")
    replacement = heard(NOTHING, r.replaced()).state.confirmation
    assert replacement is not None
    assert (replacement.user_id, replacement.group) == ("dc-bappeda-new", "pd-bappeda")


def test_a_letter_made_during_the_withdrawal_is_kept_and_not_mailed() -> None:
    after = heard(NUMBERED, r.withdrawn()).after(make())
    assert names(after.events[-1:]) == ["LetterMade"]
    assert told(after, to_public) == []


def test_a_number_given_during_the_withdrawal_starts_no_letter() -> None:
    raced = replace(ACTIVE, events=(*heard(ACTIVE, r.withdrawn()).events, *NUMBERED.events[1:]))
    assert "letter" not in waiting(raced, due)


def test_what_the_mail_server_took_before_it_was_dropped_was_sent_all_the_same() -> None:
    after = heard(MADE, r.withdrawn()).after(sent(mail().notification_id))
    assert names(told(after, to_public)) == ["ConfirmationSent"]


def test_an_unknown_letter_or_mail_is_refused() -> None:
    assert NOTHING.refuses(make()).code == "unknown_letter"
    other = c.RecordLetter(r.REQUEST_ID, "0" * 64, mail())
    assert NUMBERED.refuses(other).code == "unknown_letter"
    assert NOTHING.refuses(sent(LETTER_ID)).code == "unknown_notification"
    assert NOTHING.refuses(refused(LETTER_ID)).code == "unknown_notification"


def test_an_undeliverable_mail_is_told_with_whom_it_is_about_and_tried_no_more() -> None:
    past = heard(NOTHING, r.reviewed("returned", text_id=r.TEXT_ID))
    after = past.after(refused(only(past).notification_id))
    (fact,) = told(after, to_public)
    assert isinstance(fact, NotificationUndeliverable)
    assert fact.subject == RequestSubject(**r.IDENTITY)
    assert (fact.template, fact.reason_code) == ("request_returned", "mailbox_unknown")
    assert waiting(after, due) == {}
    assert after.when(refused(only(past).notification_id)) == []


def test_an_undeliverable_mail_about_a_complaint_names_the_complaint() -> None:
    fact_in = complaint_deadline_set()
    past = heard(NOTHING, fact_in)
    for notification_id in past.state.mails:
        past = past.after(refused(notification_id))
    for fact in told(past, to_public):
        assert isinstance(fact, NotificationUndeliverable)
        assert isinstance(fact.subject, ComplaintSubject)
        assert fact.subject == fact_in.subject


def test_an_ordinary_mail_that_was_sent_is_nobody_elses_affair() -> None:
    past = heard(NOTHING, r.reviewed("rejected", text_id=r.TEXT_ID))
    assert told(past.after(sent(only(past).notification_id)), to_public) == []


def test_a_confirmation_is_told_only_of_a_letter_there_is() -> None:
    odd = NotificationSent(mail().notification_id, "request_confirmed", SENT_AT)
    assert to_public(odd, initial()) is None
    assert to_public(odd, ACTIVE.state) is None


def test_breach_mails_that_wait_are_dropped_when_the_breach_is_revoked() -> None:
    waiting_mails = heard(NOTHING, r.deadline_breached(), r.deadline_breached(cycle=2))
    assert len(waiting(waiting_mails, due)) == 4
    first = next(iter(waiting_mails.state.mails))
    after = heard(waiting_mails.after(sent(first)), r.breach_revoked())
    assert names(after.events).count("NotificationDropped") == 1, "what was sent stays sent"
    left = [after.state.mails[key].notification.values["cycle"] for key in open_mails(after)]
    assert left == ["2", "2"]


def test_history_is_read_back_from_the_store_as_it_was() -> None:
    past = heard(NOTHING, r.reviewed("returned", text_id=r.TEXT_ID))
    everything = [
        *CONFIRMED.events,
        *heard(MADE, r.withdrawn()).events,
        *past.after(refused(only(past).notification_id)).events,
    ]
    assert set(map(type, everything)) == set(EVENTS)
    assert read_back(EVENTS, everything) == everything


UNDONE = ("waiting", "dropped")  # the work of a dropped mail ends by itself
WHAT_COMES: list[Fact | c.Command] = [
    r.activated(), r.withdrawn(), r.set_aside(), r.deadline_set(), r.deadline_breached(),
    r.breach_revoked(), r.reviewed("returned", text_id=r.TEXT_ID), r.activation_failed(),
    number(), make(),
    sent(mail().notification_id), refused(mail().notification_id),
]  # fmt: skip


@given(st.lists(st.sampled_from(WHAT_COMES), max_size=25))
def test_in_any_order_and_however_often_a_confirmation_is_sent_at_most_once(
    order: list[Fact | c.Command],
) -> None:
    past = NOTHING
    for each in order:
        try:
            past = heard(past, each) if isinstance(each, Fact) else past.after(each)
        except Refused:
            continue
    assert sum(isinstance(fact, ConfirmationSent) for fact in told(past, to_public)) <= 1
    assert names(past.events).count("LetterNumbered") <= 1
    asked = [each.notification for each in past.state.mails.values()]
    assert names(past.events).count("NotificationRequested") == len(asked)
    undone = {f"mail:{key}" for key, each in past.state.mails.items() if each.state in UNDONE}
    assert undone == waiting(past, due).keys() - {"letter"}
