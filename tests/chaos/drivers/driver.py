"""What a driver is: people of one kind who use the system. One file of this directory holds one; DRIVERS lists all."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.chaos.drivers.client import Client


class Worker(Protocol):
    """One of them, with a client of its own."""

    async def run(self) -> None:
        """Work until the run ends."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Driver:
    """`begin` gives each of so many clients its work; `handful` is some of everything, each to its end, at `turn`.

    The history is judged by `filed`: operations that begin a stream (service, name of its id in the answer, type of its
    first event), and by `acts`: those that are done to one (service, type of the event that they leave).
    """

    name: str
    clients: int
    begin: Callable[[Sequence[Client]], Awaitable[Sequence[Any]]]
    handful: Callable[[Sequence[Any], int], Sequence[Awaitable[object]]]
    filed: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    acts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
