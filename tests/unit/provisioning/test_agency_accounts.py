"""One account per approved request; a withdrawal wins whenever it is heard; what is told was read back before (P8)."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.provisioning import commands as c
from services.provisioning.decisions import decide
from services.provisioning.events import EVENTS, Event
from services.provisioning.publication import to_public
from services.provisioning.reactions import react
from services.provisioning.schedule import AFTER_FAILURE, due
from services.provisioning.state import State, evolve, initial
from shared.contracts.registry import Fact
from shared.event_sourcing.decider import Decider
from tests.support import requests as r
from tests.support.given import Past, names, read_back, told, waiting

Accounts = Past[c.Command, State, Event]

ID = r.REQUEST_ID
ENTRY = f"platform:{ID}"
NOTHING: Accounts = Past(Decider(initial, decide, evolve))


def heard(past: Accounts, *facts: Fact) -> Accounts:
    """The agency after these facts came in."""
    for fact in facts:
        for to in react(fact, r.MONDAY):
            assert to.stream_id == "BAPPEDA"
            past = past.after(to.command)
    return past


def active(user_id: str = "dc-bappeda-7f3a", replaced: str | None = None) -> c.RecordActivation:
    return c.RecordActivation(ID, "scim", user_id, "pd-bappeda", replaced, r.MONDAY)


def failure(reason: str = "platform_down") -> c.RecordFailure:
    return c.RecordFailure(ID, "scim", reason, 8, r.MONDAY)


def suspended(user_id: str | None = "dc-bappeda-7f3a") -> c.RecordSuspension:
    return c.RecordSuspension(ID, "scim", user_id, r.MONDAY)


WANTED = heard(NOTHING, r.reviewed())
ACTIVE = WANTED.after(active())
DROPPED = heard(WANTED, r.withdrawn())
SUSPENDING = heard(ACTIVE, r.withdrawn())


def test_an_approval_puts_the_account_to_work_at_once() -> None:
    assert names(WANTED.events) == ["ActivationRequested"]
    assert waiting(WANTED, due)[ENTRY].due_at == r.MONDAY
    assert heard(WANTED, r.reviewed()) == WANTED, "heard twice, made once"


@pytest.mark.parametrize("outcome", ["returned", "rejected"])
def test_nothing_but_an_approval_makes_an_account(outcome: str) -> None:
    assert heard(NOTHING, r.reviewed(outcome, text_id=r.TEXT_ID), r.submitted()) == NOTHING


def test_an_account_is_told_of_once_it_was_read_back() -> None:
    assert told(ACTIVE, to_public) == [r.activated()]
    assert ACTIVE.state.administrator == "dc-bappeda-7f3a"
    assert ACTIVE.when(active()) == ACTIVE.when(failure()) == ACTIVE.when(suspended()) == []


def test_the_new_administrator_takes_over_from_the_former_one() -> None:
    after = WANTED.after(active("dc-bappeda-new", replaced="dc-bappeda-old"))
    assert told(after, to_public) == [r.replaced().model_copy(update={"group": "pd-bappeda"})]
    assert after.state.administrator == "dc-bappeda-new"


def test_a_failure_is_told_once_per_reason_and_the_work_goes_on_more_slowly() -> None:
    once = WANTED.after(failure())
    assert told(once, to_public) == [r.activation_failed()]
    assert waiting(once, due)[ENTRY].due_at == r.MONDAY + AFTER_FAILURE
    twice = once.after(failure())
    assert told(twice, to_public) == told(once, to_public)
    assert len(told(twice.after(failure("group_conflict")), to_public)) == 2


def test_a_withdrawal_heard_first_leaves_the_approval_without_effect() -> None:
    dropped = heard(NOTHING, r.withdrawn())
    assert heard(dropped, r.reviewed(), r.withdrawn()) == dropped
    assert told(dropped, to_public) == []


def test_an_account_made_before_the_withdrawal_is_suspended_and_told_so() -> None:
    assert names(SUSPENDING.events[-2:]) == ["RequestDropped", "SuspensionRequested"]
    assert waiting(SUSPENDING, due)[ENTRY].payload == {"request_id": str(ID)}
    after = SUSPENDING.after(suspended())
    assert names(told(after, to_public)) == ["AccountActivated", "AccountSuspended"]
    assert after.state.administrator is None
    assert after.when(suspended()) == []


def test_an_account_made_during_the_withdrawal_is_never_called_active() -> None:
    after = DROPPED.after(active())
    assert names(after.events[-1:]) == ["SuspensionRequested"]
    assert told(after, to_public) == []
    assert names(told(after.after(suspended()), to_public)) == ["AccountSuspended"]


def test_a_dropped_request_whose_account_was_never_made_is_left_alone() -> None:
    after = DROPPED.after(suspended(None))
    assert names(after.events[-1:]) == ["ActivationAbandoned"]
    assert told(after, to_public) == []
    assert after.when(active()) == []


def test_a_failure_to_suspend_is_tried_again_and_not_told_as_a_failed_activation() -> None:
    after = SUSPENDING.after(failure())
    assert names(told(after, to_public)) == ["AccountActivated"]
    assert waiting(after, due)[ENTRY].due_at == r.MONDAY + AFTER_FAILURE


def test_the_suspension_of_a_former_request_leaves_the_present_administrator() -> None:
    other = UUID(int=5)
    subject = c.Subject(other, "DC-2026-000124", "BAPPEDA", "replace_administrator", other, other)
    newer = c.RecordActivation(other, "scim", "dc-new", "pd-bappeda", None, r.MONDAY)
    past = ACTIVE.after(c.RequestActivation(subject, r.MONDAY), newer)
    past = heard(past, r.set_aside()).after(suspended())
    assert past.state.administrator == "dc-new"
    (fact,) = [fact for fact in told(past, to_public) if type(fact).__name__ == "AccountSuspended"]
    assert getattr(fact, "reason_code", None) == "set_aside"


@pytest.mark.parametrize("command", [active(), failure(), suspended()])
def test_nothing_is_recorded_of_a_request_nobody_approved(command: c.Command) -> None:
    assert NOTHING.refuses(command).code == "unknown_request"


def test_history_is_read_back_from_the_store_as_it_was() -> None:
    everything = [
        *SUSPENDING.after(suspended()).events,
        *WANTED.after(failure(), active("new", replaced="old")).events,
        *DROPPED.after(suspended(None)).events,
    ]
    assert set(map(type, everything)) == set(EVENTS)
    assert read_back(EVENTS, everything) == everything


WHAT_COMES: list[Fact | c.Command] = [
    r.reviewed(), r.withdrawn(), active(), failure(), suspended(), suspended(None),
]  # fmt: skip


@given(st.lists(st.sampled_from(WHAT_COMES), max_size=20))
def test_in_any_order_an_account_is_told_active_at_most_once_and_dropped_ones_end_without_one(
    order: list[Fact | c.Command],
) -> None:
    past = NOTHING
    for each in [r.withdrawn() if not order else order[0], *order]:
        if isinstance(each, Fact):
            past = heard(past, each)
        elif ID in past.state.accounts:
            past = past.after(replace(each, at=r.MONDAY + timedelta(seconds=len(past.events))))
    kinds = names(told(past, to_public))
    assert kinds.count("AccountActivated") <= 1
    account = past.state.accounts.get(ID)
    if account and account.dropped:
        assert account.phase != "active", "its account is on its way out"
        assert account.phase in ("known", "suspended", "abandoned") or waiting(past, due)
