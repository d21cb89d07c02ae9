"""What a fault is. One file of faults/ holds one; schedule.py lists them all."""

import random
from collections.abc import Callable
from typing import Protocol

from tests.chaos.harness import ChaosSystem


class Fault(Protocol):
    """One thing that goes wrong, its details chosen by a seed before it strikes. `kind` is its line in the table."""

    @property
    def kind(self) -> str: ...

    @property
    def what(self) -> str:
        """With its details, as the schedule prints it."""
        ...

    async def strike(self, system: ChaosSystem) -> int:
        """Begins, lasts and ends; how often it did harm (0: there was nothing to harm)."""
        ...


Make = Callable[[random.Random], Fault]
