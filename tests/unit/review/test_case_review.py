"""A case of review: decided once per cycle, on what the officer saw, never by who registered it, never after an end."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.review import commands as c
from services.review.decisions import decide
from services.review.events import EVENTS, CaseDecided, Event
from services.review.publication import to_public
from services.review.reactions import react
from services.review.state import Decided, Dropped, State, Undecided, Unknown, evolve, initial
from services.review.web import REFUSALS, in_words
from shared.contracts.registry import Fact
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.outcomes import Refused
from shared.web.problems import refusal_problem
from tests.support import requests as r
from tests.support.given import Past, names, read_back, told

Cases = Past[c.Command, State, Event]

REVIEWER = UUID("0192f3a0-0000-7000-8000-000000000099")
NOTHING: Cases = Past(Decider(initial, decide, evolve))


def heard(past: Cases, *facts: Fact) -> Cases:
    """The case after these facts of intake came in."""
    for fact in facts:
        for to in react(fact, r.MONDAY):
            assert to.stream_id == str(r.REQUEST_ID)
            past = past.after(to.command)
    return past


def decision(
    outcome: c.Outcome = "approved", *, seen: int = 1, text: bool = True, officer: UUID = REVIEWER
) -> c.DecideCase:
    return c.DecideCase(outcome, r.TEXT_ID if text else None, officer, seen, r.MONDAY)


OPEN = heard(NOTHING, r.submitted(), r.deadline_set())
DECIDED = OPEN.after(decision("returned"))
REOPENED = heard(DECIDED, r.resubmitted())
DROPPED = heard(OPEN, r.withdrawn())


def test_a_letter_waits_in_the_queue_with_its_due_date() -> None:
    assert isinstance(OPEN.state, Undecided)
    assert OPEN.state.case.due_on == r.DUE_ON
    assert OPEN.state.case.registrars == {r.REGISTRAR_ID}


def test_a_due_date_heard_before_its_letter_is_kept() -> None:
    early = heard(NOTHING, r.deadline_set())
    assert early.state == Unknown(r.DUE_ON)
    assert heard(early, r.submitted()).state == OPEN.state


@pytest.mark.parametrize("outcome", ["approved", "returned", "rejected"])
def test_an_officer_decides_and_the_decision_is_told(outcome: c.Outcome) -> None:
    after = OPEN.after(decision(outcome))
    assert isinstance(after.state, Decided)
    assert (after.state.outcome, after.state.officer_id) == (outcome, REVIEWER)
    said = {"text_id": r.TEXT_ID, "officer_id": REVIEWER}
    assert told(after, to_public) == [r.reviewed(outcome, **said)]


def test_a_second_officer_learns_who_decided_what_and_when() -> None:
    refused = DECIDED.refuses(decision("approved"))
    assert refused.code == "decided_meanwhile"
    assert refused.details == {
        "outcome": "returned",
        "decided_at": r.MONDAY.isoformat(),
        "officer_id": str(REVIEWER),
    }


def test_nothing_is_decided_that_is_unknown_or_was_taken_back() -> None:
    assert NOTHING.refuses(decision()).code == "unknown_request"
    assert DROPPED.refuses(decision()).code == "case_dropped"


def test_a_decision_on_an_older_version_is_refused_and_names_the_present_one() -> None:
    assert isinstance(REOPENED.state, Undecided)
    assert REOPENED.state.case.version == 3
    refused = REOPENED.refuses(decision(seen=1))
    assert (refused.code, refused.details) == ("stale_version", {"version": "3"})


def test_who_registered_a_request_does_not_review_it_in_any_cycle() -> None:
    own = decision(officer=r.REGISTRAR_ID)
    assert OPEN.refuses(own).code == "registered_by_yourself"
    assert REOPENED.refuses(replace(own, seen_version=3)).code == "registered_by_yourself"


def test_who_registered_a_completion_does_not_review_it_either() -> None:
    second = UUID(int=9)
    completed = r.resubmitted().model_copy(update={"registered_by": second})
    later = heard(DECIDED, completed).after(decision("returned", seen=3))
    for past, version in ((heard(DECIDED, completed), 3), (heard(later, r.resubmitted(3)), 5)):
        for officer in (r.REGISTRAR_ID, second):
            own = decision(officer=officer, seen=version)
            assert past.refuses(own).code == "registered_by_yourself"
        assert names(past.when(decision(seen=version))) == ["CaseDecided"]


def test_what_the_agency_filed_itself_any_reviewer_may_decide() -> None:
    own = heard(NOTHING, r.submitted(registered_by=None))
    assert isinstance(own.state, Undecided)
    assert own.state.case.registrars == frozenset()


@pytest.mark.parametrize(
    ("outcome", "words"),
    [("approved", "disetujui"), ("returned", "dikembalikan"), ("rejected", "ditolak")],
)
def test_a_second_officer_is_told_in_indonesian_and_in_local_time(
    outcome: c.Outcome, words: str
) -> None:
    refused = in_words(OPEN.after(decision(outcome)).refuses(decision()))
    problem = refusal_problem(refused.code, REFUSALS[refused.code], refused.details)
    assert problem.status == 409
    assert problem.detail == (
        f"Permintaan ini sudah {words} pada Senin, 23 November 2026 pukul 10.00 WIB."
    )
    assert [each.field for each in problem.errors] == ["seen_version"]
    assert problem.members["outcome"] == outcome


def test_a_stale_version_is_told_naming_the_version_that_was_seen() -> None:
    refused = in_words(REOPENED.refuses(decision(seen=1)))
    problem = refusal_problem(refused.code, REFUSALS[refused.code], refused.details)
    assert (problem.status, [each.field for each in problem.errors]) == (409, ["seen_version"])


def test_a_withdrawn_case_is_told_with_the_word_of_the_withdrawal() -> None:
    assert "ditarik" in REFUSALS["case_dropped"].detail


@pytest.mark.parametrize("outcome", ["returned", "rejected"])
def test_a_return_or_rejection_needs_a_reason_and_an_approval_does_not(outcome: c.Outcome) -> None:
    assert OPEN.refuses(decision(outcome, text=False)).code == "reason_missing"
    assert names(OPEN.when(decision(text=False))) == ["CaseDecided"]


def test_a_completed_file_is_a_new_cycle_to_decide() -> None:
    assert isinstance(REOPENED.state, Undecided)
    assert (REOPENED.state.case.cycle, REOPENED.state.case.due_on) == (2, None)
    again = heard(REOPENED, r.submitted(), r.resubmitted())
    assert again.state == REOPENED.state, "an older cycle heard again opens nothing"


def test_a_withdrawal_wins_whenever_it_is_heard() -> None:
    for past in (NOTHING, OPEN, DECIDED):
        dropped = heard(past, r.withdrawn())
        assert isinstance(dropped.state, Dropped)
        later = heard(dropped, r.submitted(), r.deadline_set(), r.resubmitted(), r.set_aside())
        assert later == dropped
    assert isinstance(heard(OPEN, r.set_aside()).state, Dropped)


def test_what_does_not_concern_review_makes_it_do_nothing() -> None:
    assert react(r.activated(), r.MONDAY) == []


def test_history_is_read_back_from_the_store_as_it_was() -> None:
    everything = [*REOPENED.events, *DROPPED.events]
    assert set(map(type, everything)) == set(EVENTS)
    assert read_back(EVENTS, everything) == everything


def test_a_case_that_is_not_open_cannot_have_been_decided() -> None:
    act = CaseDecided(1, "approved", None, REVIEWER, r.MONDAY)
    for state in (initial(), Dropped(None)):
        with pytest.raises(TypeError, match="cannot have been decided"):
            evolve(state, act)


def test_a_due_date_of_a_dropped_case_changes_nothing() -> None:
    dropped = heard(NOTHING, r.withdrawn())
    noted = heard(NOTHING, r.deadline_set()).events[0]
    assert evolve(dropped.state, noted) == dropped.state


FACTS: list[Fact] = [r.submitted(), r.deadline_set(), r.withdrawn()]


@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS)))
def test_in_whatever_order_and_however_often_a_withdrawn_request_is_never_decided(
    order: list[Fact], again: list[Fact]
) -> None:
    past = heard(NOTHING, *order, *again)
    assert past.refuses(decision()).code == "case_dropped"


@given(st.lists(st.tuples(st.sampled_from(["approved", "returned"]), st.integers(1, 9))))
def test_each_cycle_is_decided_at_most_once(tries: list[tuple[c.Outcome, int]]) -> None:
    past = OPEN
    for count, (outcome, seen) in enumerate(tries, start=2):
        at = r.MONDAY + timedelta(minutes=count)
        try:
            past = past.after(replace(decision(outcome, seen=seen), at=at))
        except Refused:
            past = heard(past, r.resubmitted(cycle=count))
    cycles = [event.cycle for event in past.events if isinstance(event, CaseDecided)]
    assert len(cycles) == len(set(cycles))
