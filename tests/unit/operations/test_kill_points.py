"""Where a test may kill a process: every point is in the code, and reached it ends the process at once."""

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from shared.operations import kill_points
from shared.operations.kill_points import DIED_AT, POINTS, VARIABLE
from tests.chaos.kill_points import BY_TEST, PASSED_IN

ROOT = Path(kill_points.__file__).parents[2]
_SCRIPT = """
from shared.operations.kill_points import reached
for number in range(1, 4):
    print(number, flush=True)
    reached("after_publish")
    reached("before_publish")
"""


def test_every_point_stands_in_one_place_of_the_code() -> None:
    said = Counter(
        point
        for part in ("shared", "services")
        for path in (ROOT / part).rglob("*.py")
        for point in re.findall(r'\breached\("(\w+)"\)', path.read_text("utf-8"))
    )
    assert said == Counter(POINTS), "a name that stands twice is killed at one of its places only"


def test_at_every_point_somebody_is_killed_by_the_proof_or_by_a_test() -> None:
    assert Counter([*PASSED_IN, *BY_TEST]) == Counter(POINTS)
    for point, node in BY_TEST.items():
        path, _, name = node.partition("::")
        source = (ROOT / path).read_text("utf-8")
        assert f'"{point}"' in source
        assert f"def {name}(" in source


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-c", _SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_a_process_dies_where_it_was_told_to_and_no_sooner() -> None:
    killed = run(**{VARIABLE: "after_publish:2"})
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1\n2\n")
    assert killed.stderr == f"{DIED_AT}after_publish\n"
    assert run().stdout == "1\n2\n3\n", "without the variable it goes on"
