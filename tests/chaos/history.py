"""What clients asked and were told: `invoke`, then `ok`, `fail` or `unknown`, with values that are never used twice.

Append-only JSON lines, each written whole before the client goes on: what a killed driver wrote can be read again.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

Kind = Literal["invoke", "ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `key` names the operation for ever: retried under the same key, it is the same operation.

    `unknown`: the connection broke or 5xx; it may have happened or not, or happen later. `fail`: it was refused.
    """

    at: float
    client: str
    kind: Kind
    operation: str
    key: str
    content: Mapping[str, Any] = field(default_factory=dict)


class History:
    """Written by any number of drivers; with a path, every line is on the disk's way when `write` returns."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._file = path.open("ab", buffering=0) if path else None
        self._lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        """Append it."""
        with self._lock:
            self.entries.append(entry)
            if self._file:
                self._file.write(orjson.dumps(asdict(entry), default=str) + b"\n")

    def close(self) -> None:
        """No more lines."""
        if self._file:
            self._file.close()


def read(path: Path) -> list[Entry]:
    """Every whole line; a last one that was cut off by a kill does not count."""
    return [Entry(**orjson.loads(line)) for line in path.read_bytes().split(b"\n")[:-1]]


@dataclass(slots=True)
class Operation:
    """All that is known of one key: what was asked, and every answer."""

    operation: str
    key: str
    client: str
    asked: Mapping[str, Any]
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    refusals: list[Mapping[str, Any]] = field(default_factory=list)
    tries: int = 0
    unknown: int = 0

    @property
    def open(self) -> bool:
        """Nobody was told what came of some try: it may have happened."""
        return self.tries > len(self.answers) + len(self.refusals)


def operations(entries: Iterable[Entry]) -> Sequence[Operation]:
    """The history by operation, in the order of their first tries."""
    found: dict[tuple[str, str], Operation] = {}
    for entry in entries:
        name = (entry.operation, entry.key)
        if entry.kind == "invoke":
            known = found.setdefault(
                name, Operation(entry.operation, entry.key, entry.client, entry.content)
            )
            known.tries += 1
        elif entry.kind == "ok":
            found[name].answers.append(entry.content)
        elif entry.kind == "fail":
            found[name].refusals.append(entry.content)
        else:
            found[name].unknown += 1
    return list(found.values())
