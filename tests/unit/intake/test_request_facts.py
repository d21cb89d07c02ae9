"""What intake tells others, what it does on hearing others, and which names it holds."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake import commands as c
from services.intake import events as e
from services.intake.publication import to_public
from services.intake.reactions import react
from services.intake.reservations import name, reserve
from services.intake.state import NotSubmitted
from shared.contracts.facts import clock, intake
from shared.event_sourcing.decider import To
from shared.event_sourcing.store import Reserve
from tests.support import requests as r
from tests.support.given import names, told
from tests.unit.intake import cases
from tests.unit.intake.cases import OPEN, RETURNED, SOON, Requests


def kinds(past: Requests) -> list[str]:
    return names(told(past, to_public))


def test_the_way_to_confirmation_is_told_in_three_facts() -> None:
    past = OPEN.after(cases.approved(), cases.activated(), cases.confirmed())
    submitted, deadline, closed = told(past, to_public)
    assert submitted == r.submitted()
    assert deadline == r.deadline_set()
    assert isinstance(closed, intake.RequestClosed)
    assert (closed.outcome, closed.closed_at, closed.on_time) == ("confirmed", SOON, True)


def test_every_other_turn_is_told_too() -> None:
    assert kinds(OPEN.after(cases.withdraw()))[2:] == ["RequestWithdrawn", "RequestClosed"]
    assert kinds(OPEN.after(cases.set_aside()))[2:] == ["RequestSetAside", "RequestClosed"]
    assert kinds(RETURNED.after(cases.resubmit()))[2:] == ["RequestResubmitted", "DeadlineSet"]
    revoked = OPEN.after(cases.breach(), cases.confirmed())
    assert kinds(revoked)[2:] == ["DeadlineBreached", "DeadlineBreachRevoked", "RequestClosed"]


def test_others_hear_which_officer_registered_a_completion() -> None:
    past = RETURNED.after(cases.resubmit(registered_by=r.REGISTRAR_ID))
    (back,) = [
        fact for fact in told(past, to_public) if isinstance(fact, intake.RequestResubmitted)
    ]
    assert back.registered_by == r.REGISTRAR_ID


def test_each_fact_repeats_whose_request_it_is() -> None:
    past = RETURNED.after(cases.resubmit(), cases.breach(2), cases.confirmed())
    for fact in told(past, to_public):
        about: Any = fact.subject if isinstance(fact, clock.DeadlineFact) else fact
        assert {key: getattr(about, key) for key in r.IDENTITY} == r.IDENTITY


def test_nothing_is_told_of_what_does_not_exist() -> None:
    set_ = e.DeadlineSet(1, r.DUE_ON, r.BREACH_AT, provisional=False, calendar_version=1)
    assert to_public(set_, NotSubmitted()) is None
    without_clock = replace(OPEN, events=OPEN.events[:1]).state
    assert to_public(set_, without_clock) is None, "a clock that does not run has no fact"
    assert reserve(set_, NotSubmitted()) == []


def test_each_fact_of_the_others_is_noted_in_the_stream_of_its_request() -> None:
    number = "000.8/17/DISKOMINFO-C/2026"
    expected = {
        r.reviewed(): c.NoteReview(1, "approved", None, r.MONDAY),
        r.reviewed("returned", text_id=r.TEXT_ID): c.NoteReview(1, "returned", r.TEXT_ID, r.MONDAY),
        r.activated(): c.NoteActivation(r.MONDAY),
        r.replaced(): c.NoteActivation(r.MONDAY),
        r.activation_failed(): c.NoteActivationFailure("platform_down", r.MONDAY),
        r.confirmed(): c.NoteConfirmation(number, r.MONDAY),
    }
    for fact, command in expected.items():
        assert react(fact, r.MONDAY) == [To(str(r.REQUEST_ID), command)]


def test_what_does_not_concern_intake_makes_it_do_nothing() -> None:
    assert react(r.submitted(), r.MONDAY) == []


@pytest.mark.parametrize("outcome", ["rejected", "withdrawn", "set_aside"])
def test_an_agency_may_ask_again_after_an_end_without_an_account(outcome: str) -> None:
    assert held(cases.CLOSED_AS[outcome]) == set()


def test_an_agency_has_one_open_request_per_kind_and_keeps_its_one_account() -> None:
    assert held(OPEN) == held(RETURNED) == {name("open_account", "BAPPEDA")}
    assert held(cases.CLOSED_AS["confirmed"]) == {name("open_account", "BAPPEDA")}
    replacing = cases.NOTHING.after(cases.submit(kind="replace_administrator"), cases.confirmed())
    assert held(replacing) == set(), "an administrator may be replaced as often as needed"


def held(past: Requests) -> set[str]:
    """The names the stream holds after all that happened."""
    taken: set[str] = set()
    for each in (each for event, state in past.steps() for each in reserve(event, state)):
        (taken.add if isinstance(each, Reserve) else taken.discard)(each.name)
    return taken
