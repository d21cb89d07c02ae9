"""A large upload leaves no mark on a service's resident memory."""

import subprocess
import sys
from pathlib import Path

from shared.operations import memory

_SCRIPT = """
from shared.operations.memory import give_back_large_blocks
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
give_back_large_blocks()
before, kept = resident(), []
for _ in range(5):
    large = [bytearray(9_000_000), bytes(bytearray(9_000_000))]
    kept.append(bytearray(1000))
    del large
print(resident() - before)
"""


def test_large_blocks_go_back_to_the_system() -> None:
    ended = subprocess.run(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-c", _SCRIPT],
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(memory.__file__).parents[2],
    )
    assert int(ended.stdout) < 4_000
