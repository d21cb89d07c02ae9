"""`make chaos`: SEED, MINUTES, SEEDS; or PROOF=kill-points.

Exit code 1 if a promise was broken, or if over ten seeds or more a kind of fault that is possible here did no harm.
"""

import logging
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from shared.operations.stack import ROOT
from tests.chaos import kill_points, planted, replicas, rolling, scenarios
from tests.chaos.disks import enter_namespace
from tests.chaos.outcomes import SEEDS_MIN, Outcome, note, noted, table, wrong
from tests.chaos.run import Say, run

KEPT = ROOT / "var" / "chaos"
MINUTES = 4
NOTED = KEPT / "outcomes.jsonl"


def certify(outcomes: Sequence[Outcome]) -> int:
    """The table, and what is wrong; the exit code."""
    found = [*wrong(outcomes)]
    say("\n".join([*table(outcomes), *found]))
    return 1 if found else 0


async def certificate(_keep: Path, say: Say) -> int:
    """`make chaos PROOF=certificate`: the table of all seeds that were run one by one, ten whole runs at least."""
    outcomes = [each for each in noted(NOTED) if each.minutes >= MINUTES]
    if certify(outcomes) or len(outcomes) < SEEDS_MIN:
        message = f"no certificate: {SEEDS_MIN} seeds of {MINUTES} minutes are needed in {NOTED}"
        raise kill_points.NotProved(message)
    say(f"certified by {len(outcomes)} seeds")
    return 0


PROOFS = {
    "kill-points": kill_points.prove,
    "bugs": planted.prove,
    "replicas": replicas.prove,
    "rolling": rolling.prove,
    "certificate": certificate,
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
    minutes, seeds = float(os.environ.get("MINUTES") or MINUTES), int(os.environ.get("SEEDS") or 1)
    outcomes = []
    for each in range(seed, seed + seeds):
        outcome = uvloop.run(run(each, minutes, KEPT / str(each), say))
        outcomes.append(outcome)
        note(outcome, NOTED)
        for name, figure in outcome.figures.items():
            say(f"  {name}: {figure}")
        for violation in outcome.violations:
            say(f"VIOLATION {violation}")
    sys.exit(certify(outcomes))


def _prove(name: str) -> str | None:
    """None if it is proved."""
    if name not in PROOFS:
        return f"there is no proof named {name}: {', '.join(PROOFS)}"
    try:
        uvloop.run(PROOFS[name](KEPT / name, say))
    except kill_points.NotProved as failed:
        return str(failed)
    return None


def say(line: str) -> None:
    """A line for the person at the terminal, as soon as it is true."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
