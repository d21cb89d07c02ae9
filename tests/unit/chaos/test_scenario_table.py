"""Every scenario of sections A to E has a test or a reason, and whatever the table names is there."""

from collections import Counter
from pathlib import Path

from tests.chaos.__main__ import PROOFS
from tests.chaos.scenario_table import Scenario, mistakes, read_table
from tests.chaos.scenarios import read_results, show
from tests.chaos.schedule import KINDS

REPORT = """<testsuites><testsuite>
<testcase file="tests/a.py" name="test_one[x]"/>
<testcase file="tests/a.py" name="test_one[y]"><failure/></testcase>
<testcase file="tests/a.py" name="test_two"><skipped/></testcase>
<testcase file="tests/a.py" name="test_three"/>
</testsuite></testsuites>"""


def test_every_scenario_is_in_the_table_and_all_that_it_names_exists() -> None:
    assert [*mistakes(read_table(), [*KINDS], [*PROOFS])] == []


def test_a_name_that_is_nowhere_is_told() -> None:
    node = "tests/unit/chaos/test_scenario_table.py::test_nothing_of_this_name"
    one = Scenario("S1", "one", tests=[node], faults=["no such fault"], proofs=["no such proof"])
    found = [*mistakes({"S1": one, "S2": Scenario("S2", "two")}, ["poison"], ["bugs"])]
    assert found[0].startswith("not S1 to S41 in order")
    assert found[1:] == [
        "S1: there is no no such fault",
        "S1: there is no no such proof",
        f"S1: there is no {node}",
        "S2: neither a test nor a reason",
    ]


def test_a_scenario_holds_when_each_of_its_tests_passed_and_none_of_their_cases_failed(
    tmp_path: Path,
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    results = read_results(report)
    assert results["tests/a.py::test_one"] == Counter(passed=1, failed=1)
    ends = {"S1": "test_one", "S2": "test_two", "S3": "test_three", "S4": "test_never_run"}
    scenarios = [Scenario(name, name, [f"tests/a.py::{test}"]) for name, test in ends.items()]
    lines, failed = show(scenarios, results)
    words = [line.split()[-1] for line in lines[1:] if line.startswith("S")]
    assert (words, failed) == (["FAILED", "FAILED", "holds", "FAILED"], 3)


def test_a_scenario_that_takes_a_proof_is_said_to_hold_with_it_alone() -> None:
    node = "tests/a.py::test_three"
    scenario = Scenario("S1", "one", tests=[node], proofs=["kill-points"])
    lines, failed = show([scenario], {node: Counter(passed=1)})
    assert (lines[1].endswith("holds (with PROOF=kill-points)"), failed) == (True, 0)
