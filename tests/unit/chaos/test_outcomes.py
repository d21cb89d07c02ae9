"""A certificate: no promise is broken, and over ten seeds every kind of fault that is possible has done harm."""

from collections import Counter
from pathlib import Path

from tests.chaos.checker import Violation
from tests.chaos.faults import disk_full
from tests.chaos.outcomes import SEEDS_MIN, Outcome, note, noted, table, wrong
from tests.chaos.schedule import KINDS


def harmed(*but: str) -> Counter[str]:
    return Counter(kind for kind in KINDS if kind not in but)


def ten(*but: str, impossible: tuple[str, ...] = ()) -> list[Outcome]:
    return [
        Outcome(seed, injected=harmed(*but), impossible=impossible) for seed in range(SEEDS_MIN)
    ]


def test_ten_seeds_with_every_kind_of_fault_and_no_violation_are_right() -> None:
    assert [*wrong(ten())] == []


def test_a_kind_of_fault_that_did_no_harm_in_ten_seeds_is_told_and_in_fewer_it_is_not() -> None:
    assert [*wrong(ten("rebalance"))] == ["rebalance did no harm in any of 10 seeds"]
    assert [*wrong(ten("rebalance")[1:])] == []


def test_what_is_not_possible_in_any_of_the_runs_need_not_strike() -> None:
    full = tuple(disk_full.KINDS)
    assert [*wrong(ten(*full, impossible=full))] == []
    where_it_is_possible = Outcome(99, injected=harmed(*full))
    assert len([*wrong([*ten(*full, impossible=full), where_it_is_possible])]) == len(full)


def test_a_violation_is_told_of_a_single_seed() -> None:
    broken = Outcome(7, violations=[Violation("P2", "never said")])
    assert [*wrong([broken])] == ["seed 7: 1 violations"]
    assert any(line.startswith("P2") and line.endswith("1") for line in table([broken]))


def test_outcomes_are_noted_line_by_line_and_the_last_of_a_seed_counts(tmp_path: Path) -> None:
    path = tmp_path / "chaos" / "outcomes.jsonl"
    assert [*noted(path)] == []
    first = Outcome(7, violations=[Violation("P2", "never said", "there")], program="a")
    for outcome in (
        first,
        Outcome(3, injected=Counter(poison=2)),
        Outcome(7, missed=Counter(cut=1)),
    ):
        note(outcome, path)
    assert [*noted(path)] == [
        Outcome(3, injected=Counter(poison=2), violations=[], impossible=[]),
        Outcome(7, missed=Counter(cut=1), violations=[], impossible=[]),
    ]
    note(first, path)
    assert noted(path)[-1].violations == first.violations
