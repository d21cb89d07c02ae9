"""A way between a service and a server that does not do what a wire should: all of it through the proxies."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.chaos.harness import ChaosSystem
from tests.chaos.proxied_stack import Route
from tests.chaos.trouble import Trouble

HARM_TRIES_MAX = 60


@dataclass(frozen=True, slots=True)
class Wire:
    """`trouble` on each of the routes, for `seconds`, and a while longer if nobody came by until then."""

    kind: str
    routes: Sequence[Route]
    seconds: float
    trouble: Trouble
    details: str = ""

    @property
    def what(self) -> str:
        routes = ", ".join("-".join(route) for route in self.routes)
        return f"{routes}, {self.seconds:.0f} s {self.details}".rstrip()

    async def strike(self, system: ChaosSystem) -> int:
        """On all routes at once."""
        async with AsyncExitStack() as stack:
            stack.enter_context(system.interruptions.lasting(*self.routes))
            for route in self.routes:
                await stack.enter_async_context(system.troubled(route, self.trouble))
            await asyncio.sleep(self.seconds)
            for _ in range(HARM_TRIES_MAX):
                if self.trouble.hits:
                    break
                await asyncio.sleep(0.2)
        return self.trouble.hits


def some_routes(chance: random.Random, routes: Sequence[Route]) -> Sequence[Route]:
    """One of them, or now and then all that lead to the same server."""
    route = chance.choice(routes)
    if chance.random() < 0.25:
        return [each for each in routes if each[1] == route[1]]
    return [route]
