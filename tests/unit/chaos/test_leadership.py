"""What the proof of the replicas says of who acted: one session after the other, each only while it led."""

from dataclasses import replace

import pytest

from tests.chaos.leadership import Act, wrong_with_acts
from tests.chaos.replica_group import Figures
from tests.chaos.replicas import too_few

A, B = Act("a", led=True), Act("b", led=True)


@pytest.mark.parametrize("acts", [[], [A], [A, A, B, B], [A, B, Act("c", led=True)]])
def test_one_after_the_other_is_right(acts: list[Act]) -> None:
    assert [*wrong_with_acts(acts)] == []


def test_who_acts_without_leading_is_told() -> None:
    stranger = Act("b", led=False)
    assert [*wrong_with_acts([A, stranger, stranger])] == [
        "b took rows out of the outbox 2 times without leading"
    ]


def test_who_acts_again_after_another_has_is_told() -> None:
    assert [*wrong_with_acts([A, B, A])] == ["a took rows out after b had"]


def test_a_proof_without_frozen_and_killed_leaders_or_without_looks_is_none() -> None:
    enough = Figures(
        seconds=100.0, facts=20_000, kills=30, kills_of_leaders=9, freezes=2, looks=4_000, acts=500
    )
    assert [*too_few(enough)] == []
    poor = (
        replace(enough, facts=100),
        replace(enough, kills_of_leaders=0),
        replace(enough, freezes=0),
        replace(enough, looks=50),
        replace(enough, acts=0),
    )
    assert [len([*too_few(each)]) for each in poor] == [1] * len(poor)
