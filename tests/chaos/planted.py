"""`make chaos PROOF=bugs`: each bug of `bugs/` is planted in a copy of the tree, and its command must fail there.

A patch says in its first lines which promise it breaks, the lowest layer that shows it, and the command: test ids for
pytest, or a module with its arguments. To add a bug: one more patch, nothing else. It counts as caught when a test's
assertion fails, or when the simulation finds a promise broken that the patch names; nothing else counts. Without the
bug the same tests and seeds pass: `make test` runs them all.
"""

import asyncio
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT
from threading import Timer
from xml.etree import ElementTree as ET

from tests.chaos.kill_points import NotProved
from tests.support.sources import NOT_OURS, ROOT

BUGS = Path(__file__).parent / "bugs"
SECONDS_MAX, PATIENCE_SECONDS = 20.0, 90.0
"""What a bug may take; and when nobody waits any longer."""
SHARED_FACTOR = 2.0
"""By so much longer by the clock on the wall, where others use the machine too."""
_HEADER = ("Breaks", "Lowest layer", "Must fail")
_IMPORTED = (
    "shared/messaging/relay.py",
    "services/intake/schedule.py",
    "deploy/local/stack.py",
    "tests/chaos/checker.py",
)
_WHERE = "import sys, importlib.util as i; [print(i.find_spec(n).origin) for n in sys.argv[1:]]"
_ASSERTED = re.compile(r"assert\b|AssertionError|Failed: DID NOT RAISE")
_VIOLATION = re.compile(r"    (P\d+): ")
NAME_WIDTH = 50
HEAD = f"{'bug':<{NAME_WIDTH}}{'layer':<34}{'seconds':>8}{'busy':>6}  caught by"
Say = Callable[[str], None]


class NotCaught(Exception):  # noqa: N818 - what is wrong with a bug, for the table
    """The patch does not apply, or its command does not fail for the reason that it should."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A patch, and what its first lines say."""

    path: Path
    breaks: str
    layer: str
    command: Sequence[str]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def promises(self) -> set[str]:
        return set(re.findall(r"\bP\d+\b", self.breaks))


@dataclass(frozen=True, slots=True)
class Caught:
    """The failing test or the broken promise, how long it took, and how much of that was work.

    On a machine that others use too it takes longer, and is no slower for that: but twice as long at most.
    """

    by: str
    seconds: float
    busy: float

    @property
    def in_time(self) -> bool:
        return self.busy <= SECONDS_MAX and self.seconds <= SHARED_FACTOR * SECONDS_MAX


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [_read(path) for path in sorted(BUGS.glob("*.patch"))]


def _read(path: Path) -> Bug:
    lines = path.read_text(encoding="utf-8").splitlines()
    said = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    breaks, layer, command = (said[name] for name in _HEADER)
    return Bug(path, breaks, layer, command.split())


def catch(bug: Bug) -> Caught:
    """Plant it and run its command. Raises NotCaught."""
    with tempfile.TemporaryDirectory(prefix="bug-") as directory:
        tree = Path(directory).resolve() / "tree"
        _copy(tree)
        apply(bug, tree)
        _check_imports(tree)
        began, worked = time.monotonic(), _worked()
        by = _tested(bug, tree) if "::" in bug.command[0] else _simulated(bug, tree)
        return Caught(by, time.monotonic() - began, _worked() - worked)


def _worked() -> float:
    """Seconds of processor that children took, servers that they started and stopped among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _copy(tree: Path) -> None:
    """The sources and what pytest needs of the rest: no history, no environment, no caches."""
    ignored = shutil.ignore_patterns(*NOT_OURS, "*_cache", "*.egg-info", ".hypothesis")
    shutil.copytree(ROOT, tree, ignore=ignored)


def apply(bug: Bug, tree: Path, *, only_try: bool = False) -> None:
    """By git, or by patch where there is no git or where it is too strict. Raises NotCaught."""
    alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    git = ["git", "apply", *(["--check"] if only_try else []), str(bug.path)]
    options = ["--strip=1", "--forward", "--batch", *(["--dry-run"] if only_try else [])]
    told = ""
    for command in (git, ["patch", *options, f"--input={bug.path}"]):
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, cwd=tree, env=alone, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return
        told = told or done.stderr.strip() or done.stdout.strip()
    raise NotCaught(f"does not apply any more: {told}")


def _check_imports(tree: Path) -> None:
    """The package is installed from the real tree: what the command imports must be the copy all the same."""
    names = [path.removesuffix(".py").replace("/", ".") for path in _IMPORTED]
    found = _run([sys.executable, "-c", _WHERE, *names], tree).stdout.split()
    if found != [str(tree / path) for path in _IMPORTED]:
        raise NotCaught(f"another tree than the copy is imported: {found}")


def _environment(tree: Path) -> dict[str, str]:
    """The copy comes first on the import path."""
    told = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **told}


def _run(command: Sequence[str], tree: Path) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - our own command
            command, cwd=tree, env=_environment(tree), capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotCaught(f"no end within {PATIENCE_SECONDS:.0f} s") from None


def _simulated(bug: Bug, tree: Path) -> str:
    """As soon as one schedule breaks a promise that the bug should break."""
    command, others, line = [sys.executable, *bug.command], list[str](), "no output"
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=tree, env=_environment(tree), stdout=PIPE, stderr=STDOUT, text=True
    ) as child:
        impatient = Timer(PATIENCE_SECONDS, child.kill)
        impatient.start()
        try:
            for line in child.stdout or ():
                violation = _VIOLATION.match(line)
                if violation and violation[1] in bug.promises:
                    return line.strip()
                others += [line.strip()] if violation else []
        finally:
            impatient.cancel()
            child.kill()
    raise NotCaught(f"another promise: {others[0]}" if others else f"nothing is broken: {line}")


def _tested(bug: Bug, tree: Path) -> str:
    report = tree.parent / "report.xml"
    options = ["-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
    done = _run([sys.executable, "-m", "pytest", *options, *bug.command], tree)
    if not report.exists():
        raise NotCaught(f"pytest did not run: {_last_line(done)}")
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - written by pytest, a moment ago
    others = []
    for case in cases:
        for end in case:
            message = end.get("message", "")
            if end.tag == "failure" and _ASSERTED.match(message):
                return str(case.get("name"))
            others.append(f"{end.tag} of {case.get('name')}: {message}")
    raise NotCaught(others[0] if others else f"{len(cases)} tests pass")


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    return ([*done.stderr.splitlines(), *done.stdout.splitlines()] or ["no output"])[-1]


async def prove(keep: Path, say: Say) -> int:
    """How many bugs were not caught; one after the other, and the table is kept."""
    found, table = bugs(), [HEAD]
    say(
        f"{len(found)} bugs, each in a copy of the tree; that it is the copy that is imported is checked"
    )
    say(table[0])
    failed = 0
    for bug in found:
        line, caught = await asyncio.to_thread(_line, bug)
        failed += not caught
        table.append(line)
        say(line)
    _keep(keep, table)
    if failed:
        message = f"{failed} of {len(found)} bugs are not caught as they should be"
        raise NotProved(message)
    return failed


def _keep(directory: Path, table: Sequence[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "table.txt").write_text("\n".join(table) + "\n", encoding="utf-8")


def _line(bug: Bug) -> tuple[str, bool]:
    """The bug's line of the table; whether it was caught, and in time."""
    left = f"{bug.name:<{NAME_WIDTH}}{bug.layer:<34}"
    try:
        caught = catch(bug)
    except NotCaught as error:
        return f"{left}{'-':>8}{'-':>6}  NOT CAUGHT: {error}", False
    late = "" if caught.in_time else f"  TOO SLOW: over {SECONDS_MAX:.0f} s"
    return f"{left}{caught.seconds:>8.1f}{caught.busy:>6.1f}  {caught.by}{late}", caught.in_time
