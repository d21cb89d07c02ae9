"""`python -m tests.chaos.simulation --seed N --schedules M`: run that many seeds from N on, tell what broke."""

import argparse
import sys
from time import perf_counter

from tests.chaos.simulation.pool import run_many


def main() -> int:
    """0 if every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quiet", action="store_true", help="tell of failing seeds alone")
    asked = parser.parse_args()
    began, failed, done, busy = perf_counter(), 0, 0, 0.0
    seeds = range(asked.seed, asked.seed + asked.schedules)
    for result in run_many(seeds, workers=asked.workers):
        done, busy = done + 1, busy + result.seconds
        if result.violations or not asked.quiet:
            print(result)  # noqa: T201 - this is a command
        for violation in result.violations:
            print(f"    {violation}")  # noqa: T201 - likewise
        failed += bool(result.violations)
    spent = perf_counter() - began
    told = f"{done} schedules, {failed} with violations, {spent:.1f} s: {60 * done / spent:.0f} a minute"
    print(f"{told}; {1000 * busy / done:.0f} ms of processor each")  # noqa: T201 - likewise
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
