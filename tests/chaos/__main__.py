"""`make chaos`: SEED, MINUTES, SEEDS; or PROOF=kill-points. Exit code 1 if any promise was broken."""

import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import uvloop

from shared.operations.stack import ROOT
from tests.chaos import kill_points, planted, replicas, rolling, scenarios
from tests.chaos.checker import PROMISES
from tests.chaos.disks import enter_namespace
from tests.chaos.run import Outcome, run
from tests.chaos.schedule import KINDS

KEPT = ROOT / "var" / "chaos"
PROOFS = {
    "kill-points": kill_points.prove,
    "bugs": planted.prove,
    "replicas": replicas.prove,
    "rolling": rolling.prove,
    "scenarios": scenarios.prove,
}


def main() -> None:
    """As the variables say."""
    enter_namespace("tests.chaos")
    logging.disable()  # that a server is away is what happens here
    proof = os.environ.get("PROOF", "")
    if proof:
        sys.exit(_prove(proof))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randint(1, 999_999))
    minutes, seeds = float(os.environ.get("MINUTES") or 4), int(os.environ.get("SEEDS") or 1)
    outcomes = []
    for each in range(seed, seed + seeds):
        outcome = uvloop.run(run(each, minutes, KEPT / str(each), say))
        outcomes.append(outcome)
        for name, figure in outcome.figures.items():
            say(f"  {name}: {figure}")
        for violation in outcome.violations:
            say(f"VIOLATION {violation}")
    _tables(outcomes)
    sys.exit(1 if any(outcome.violations for outcome in outcomes) else 0)


def _prove(name: str) -> str | None:
    """None if it is proved."""
    if name not in PROOFS:
        return f"there is no proof named {name}: {', '.join(PROOFS)}"
    try:
        uvloop.run(PROOFS[name](KEPT / name, say))
    except kill_points.NotProved as failed:
        return str(failed)
    return None


def _tables(outcomes: Sequence[Outcome]) -> None:
    """Promise by violations, fault by strikes, over all seeds."""
    broken = Counter(each.promise for outcome in outcomes for each in outcome.violations)
    say(f"\n{'promise':<28}violations")
    for name, promise in _promises().items():
        say(f"{promise:<28}{broken[name]}")
    injected = sum((outcome.injected for outcome in outcomes), Counter[str]())
    missed = sum((outcome.missed for outcome in outcomes), Counter[str]())
    say(f"\n{'fault':<28}injected   in vain")
    for kind in KINDS:
        say(f"{kind:<28}{injected[kind]:>8}{missed[kind]:>10}")
    seeds = ", ".join(str(outcome.seed) for outcome in outcomes)
    say(f"\nseeds {seeds}: {injected.total()} faults, {broken.total()} violations")


def _promises() -> Mapping[str, str]:
    """By number; two modules of the checker may look after one."""
    found: dict[str, str] = {}
    for name in PROMISES:
        found.setdefault(name.split()[0], name)
    return found


def say(line: str) -> None:
    """A line for the person at the terminal, as soon as it is true."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
