"""What came of runs, each a line of var/chaos/outcomes.jsonl, and what they certify together."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from shared.operations.stack import ROOT
from tests.chaos.checker import PROMISES
from tests.chaos.evidence import Violation
from tests.chaos.schedule import KINDS

SEEDS_MIN = 10
"""So many have to strike with every kind of fault."""


@dataclass(slots=True)
class Outcome:
    """What came of a run. `injected`: strikes that did harm, by kind; `missed`: those that found nothing to harm.

    `impossible`: kinds that this machine does not allow.
    """

    seed: int
    minutes: float = 0.0
    violations: Sequence[Violation] = ()
    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    impossible: Sequence[str] = ()
    figures: dict[str, object] = field(default_factory=dict)
    program: str = "unknown"


def note(outcome: Outcome, path: Path) -> None:
    """One more line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps(
        {
            "seed": outcome.seed,
            "minutes": outcome.minutes,
            "violations": [[*each] for each in outcome.violations],
            "injected": {**outcome.injected},
            "missed": {**outcome.missed},
            "impossible": [*outcome.impossible],
            "program": outcome.program,
        }
    )
    with path.open("ab") as file:
        file.write(line + b"\n")


def noted(path: Path) -> Sequence[Outcome]:
    """The last outcome of every seed."""
    found: dict[int, Outcome] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        told = orjson.loads(line)
        violations = [Violation(*each) for each in told.pop("violations")]
        injected, missed = Counter(told.pop("injected")), Counter(told.pop("missed"))
        found[told["seed"]] = Outcome(
            violations=violations, injected=injected, missed=missed, **told
        )
    return [found[seed] for seed in sorted(found)]


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Promise by violations, fault by strikes, over all seeds."""
    broken = Counter(each.promise for outcome in outcomes for each in outcome.violations)
    yield f"\n{'promise':<28}violations"
    for name, promise in _promises().items():
        yield f"{promise:<28}{broken[name]}"
    injected, missed = _injected(outcomes), sum((o.missed for o in outcomes), Counter[str]())
    impossible = {kind for outcome in outcomes for kind in outcome.impossible}
    yield f"\n{'fault':<28}injected   in vain"
    for kind in KINDS:
        told = "  not possible here" if kind in impossible else ""
        yield f"{kind:<28}{injected[kind]:>8}{missed[kind]:>10}{told}"
    seeds = ", ".join(str(outcome.seed) for outcome in outcomes)
    programs = ", ".join(sorted({outcome.program for outcome in outcomes}))
    yield f"\nseeds {seeds}: {injected.total()} faults, {broken.total()} violations (program {programs})"


def wrong(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every violation; of ten seeds and more also each kind of fault that is possible and never struck."""
    for outcome in outcomes:
        if outcome.violations:
            yield f"seed {outcome.seed}: {len(outcome.violations)} violations"
    if len(outcomes) < SEEDS_MIN:
        return
    injected = _injected(outcomes)
    impossible = set.intersection(*(set(outcome.impossible) for outcome in outcomes))
    for kind in KINDS:
        if not injected[kind] and kind not in impossible:
            yield f"{kind} did no harm in any of {len(outcomes)} seeds"


def this_program() -> str:
    """The commit, with a plus if something was changed since."""
    try:
        told = [
            subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607 - fixed words
            for asked in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "-uno"))
        ]  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told[0] + ("+" if told[1] else "")


def _injected(outcomes: Sequence[Outcome]) -> Counter[str]:
    return sum((outcome.injected for outcome in outcomes), Counter[str]())


def _promises() -> Mapping[str, str]:
    """By number; two modules of the checker may look after one."""
    found: dict[str, str] = {}
    for name in PROMISES:
        found.setdefault(name.split()[0], name)
    return found
