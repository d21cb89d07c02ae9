"""What Linux and the supervisor say of a process: whether it runs, what it was started with, how it ended."""

import re
from collections.abc import Sequence
from pathlib import Path


def runs(pid: int) -> bool:
    """A zombie does not: it waits for the supervisor to look."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def environment(pid: int) -> bytes:
    """What it was started with; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def last_code(said: Sequence[str], name: str) -> int | None:
    """With which the process of this name ended, up already or still starting, as the supervisor told it last."""
    for line in reversed(said):
        if found := re.search(rf"\b{name} ended (?:\(code |with code )(-?\d+)", line):
            return int(found[1])
    return None
