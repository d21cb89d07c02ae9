"""Where a test may kill a process: every point is in the code, and reached it ends the process at once."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from shared.operations import kill_points
from shared.operations.kill_points import POINTS, VARIABLE

ROOT = Path(kill_points.__file__).parents[2]
_SCRIPT = """
from shared.operations.kill_points import reached
for number in range(1, 4):
    print(number, flush=True)
    reached("after_publish")
    reached("before_publish")
"""


def test_every_point_stands_in_the_code() -> None:
    said = {
        point
        for path in (ROOT / "shared").rglob("*.py")
        for point in re.findall(r'reached\("(\w+)"\)', path.read_text("utf-8"))
    }
    assert said == set(POINTS)


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-c", _SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_a_process_dies_where_it_was_told_to_and_no_sooner() -> None:
    killed = run(**{VARIABLE: "after_publish:2"})
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1\n2\n")
    assert run().stdout == "1\n2\n3\n", "without the variable it goes on"
