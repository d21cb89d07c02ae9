"""What may cost a second copy of a mail, and when: whoever was told nothing, or cannot write it down, sends again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.chaos.proxied_stack import Route
from tests.chaos.world import Interruption

COSTLY_PROCESSES = frozenset({"notifier", "postgres", "mail"})
"""Who sends, who remembers that it was sent, who takes it."""
COSTLY_ROUTES: frozenset[Route] = frozenset({("notifier", "smtp"), ("notifier", "postgres")})


@dataclass(slots=True)
class Interruptions:
    """Of one run, on the clock of the machine; whatever else is killed or cut costs no copy and is not here."""

    found: list[Interruption] = field(default_factory=list)

    @contextmanager
    def lasting(self, *harmed: str | Route) -> Iterator[None]:
        """As long as the block lasts, these processes or ways are not what they should be."""
        if not COSTLY_PROCESSES.union(COSTLY_ROUTES).intersection(harmed):
            yield
            return
        began, place = datetime.now(UTC), len(self.found)
        self.found.append(Interruption(began, datetime.max.replace(tzinfo=UTC)))
        try:
            yield
        finally:
            self.found[place] = Interruption(began, datetime.now(UTC))
