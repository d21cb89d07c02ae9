"""Named points at which a test may end the process as a power cut would: before and after all that must not be halved.

`DATACLOUD_KILL_POINT=after_publish:3` kills it when that point is reached for the third time, and its last words name
the point. Each stands in one place of the code. Production refuses to start with the variable; without it a point costs
the comparison of two texts.
"""

import os
import signal
from typing import Final, Literal, get_args

VARIABLE: Final = "DATACLOUD_KILL_POINT"
DIED_AT: Final = "died at the kill point "
STDERR: Final = 2

Point = Literal[
    "before_append_of_command",
    "after_append_of_command",
    "before_commit_of_command",
    "after_commit_of_command",
    "before_append_of_batch",
    "after_append_of_batch",
    "before_commit_of_batch",
    "after_commit_of_batch",
    "before_commit_of_parked",
    "after_commit_of_parked",
    "before_append_of_due_work",
    "after_append_of_due_work",
    "before_commit_of_due_work",
    "after_commit_of_due_work",
    "before_commit_of_copies",
    "after_commit_of_copies",
    "before_append_of_recovered",
    "after_append_of_recovered",
    "before_commit_of_recovered",
    "after_commit_of_recovered",
    "before_noting_recovered",
    "after_noting_recovered",
    "before_publish",
    "after_publish",
    "before_outbox_delete",
    "after_outbox_delete",
    "before_offset_commit",
    "after_offset_commit",
    "before_own_offset_commit",
    "after_own_offset_commit",
    "before_claim",
    "after_claim",
    "before_effect",
    "after_effect",
    "before_postponement",
    "after_postponement",
]
POINTS: Final[tuple[Point, ...]] = get_args(Point)

_wanted, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times or 1)


def reached(point: Point) -> None:
    """Here the process may die."""
    global _left  # noqa: PLW0603 - of this process, which it ends
    if point == _wanted:
        _left -= 1
        if _left <= 0:
            os.write(STDERR, f"{DIED_AT}{point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
