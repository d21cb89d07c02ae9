"""Every planted bug applies to the product as it is, and is caught on the layer that its patch names.

One that is not caught is a hole in the tests: close the hole, never weaken the bug.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.planted import Bug, NotCaught, apply, bugs, catch
from tests.support.sources import ROOT

ALL = bugs()
ASKED_FOR = {
    "offsets_committed_before_the_transaction",
    "outbox_row_deleted_before_the_ack",
    "relays_without_a_leader",
    "mark_not_checked",
    "mark_moved_outside_the_transaction",
    "held_records_dropped",
    "successors_of_a_parked_record_applied",
    "scheduled_row_deleted_before_its_command_commits",
    "lease_not_checked",
    "deadline_fires_a_day_early",
    "mail_without_its_key",
    "version_check_left_out",
    "relay_reads_on_behind_a_position",
    "stalled_worker_suspends_a_settled_account",
}
UNIT = "tests/unit/intake/test_request_clock.py::test_a_stopped_clock_is_not_stopped_again"
CHANGE = """--- a/services/intake/schedule.py
+++ b/services/intake/schedule.py
@@ -1,1 +1,1 @@
-{was}
+{becomes}
"""
DOCSTRING = (ROOT / "services/intake/schedule.py").read_text("utf-8").splitlines()[0]
HARMLESS = CHANGE.format(was=DOCSTRING, becomes=DOCSTRING + "  # as before")


def test_the_bugs_that_were_asked_for_are_there() -> None:
    assert ASKED_FOR - {bug.name for bug in ALL} == set()


@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_a_bug_applies_to_the_product_as_it_is(bug: Bug) -> None:
    assert bug.promises
    apply(bug, ROOT, only_try=True)


@pytest.mark.slow
@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_a_bug_is_caught_on_the_layer_that_shows_it(bug: Bug) -> None:
    assert catch(bug).in_time


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patch", "command", "why"),
    [
        (CHANGE.format(was="never there", becomes=""), UNIT, "does not apply any more"),
        (HARMLESS, UNIT, "1 tests pass"),
        (HARMLESS, "-m tests.chaos.simulation --schedules 1", "nothing is broken"),
        (HARMLESS, UNIT.replace("again", "twice"), "0 tests pass"),
        (
            CHANGE.format(was=DOCSTRING, becomes="import nothing_of_that_name"),
            UNIT,
            "error of .*collection failure",
        ),
        (CHANGE.format(was=DOCSTRING, becomes="def ("), UNIT, "error of .*collection failure"),
    ],
    ids=[
        "gone",
        "harmless",
        "harmless in the simulation",
        "no such test",
        "no import",
        "no syntax",
    ],
)
def test_a_bug_counts_as_caught_for_its_own_reason_alone(
    tmp_path: Path, patch: str, command: str, why: str
) -> None:
    path = tmp_path / "made_up.patch"
    path.write_text(patch)
    made_up = replace(ALL[0], path=path, command=command.split())
    with pytest.raises(NotCaught, match=why):
        catch(made_up)
