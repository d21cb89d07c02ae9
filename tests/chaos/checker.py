"""The one checker: a world in, every broken promise out. Pure, the same for the simulation and for real runs.

A promise is a module of `promises/` with one function `check(evidence)`; to add one, add its line here.
"""

from collections.abc import Callable, Iterable, Sequence

from tests.chaos.evidence import Evidence, Violation
from tests.chaos.promises import (
    bad_records,
    clock,
    copies_of_people,
    in_order,
    kept,
    nothing_vanishes,
    once,
    one_effect,
    recovery,
    said,
    same_past,
    taken_in,
)
from tests.chaos.world import World

__all__ = ["PROMISES", "Violation", "check"]

PROMISES: dict[str, Callable[[Evidence], Iterable[Violation]]] = {
    "P1 kept": kept.check,
    "P2 said": said.check,
    "P3 once": once.check,
    "P4 in order": in_order.check,
    "P5 nothing vanishes": nothing_vanishes.check,
    "P5 bad records": bad_records.check,
    "P5 taken in": taken_in.check,
    "P6 same past": same_past.check,
    "P6 copies of people": copies_of_people.check,
    "P7 the clock": clock.check,
    "P8 one effect": one_effect.check,
    "P12 recovery": recovery.check,
}


def check(world: World) -> Sequence[Violation]:
    """Every violation, by promise."""
    evidence = Evidence(world)
    return [violation for promise in PROMISES.values() for violation in promise(evidence)]
