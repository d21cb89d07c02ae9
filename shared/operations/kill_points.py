"""Named points at which a test may end the process as a power cut would: before and after all that must not be halved.

`DATACLOUD_KILL_POINT=after_publish:3` kills it when that point is reached for the third time. Production refuses to
start with it; without it a point costs the comparison of two texts.
"""

import os
import signal
from typing import Final, Literal, get_args

VARIABLE: Final = "DATACLOUD_KILL_POINT"

Point = Literal[
    "before_append",
    "after_append",
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
    "before_outbox_delete",
    "after_outbox_delete",
    "before_offset_commit",
    "after_offset_commit",
    "after_claim",
    "before_effect",
    "after_effect",
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
            os.kill(os.getpid(), signal.SIGKILL)
