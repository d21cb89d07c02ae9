"""The pure shape of every service: decide(command, state) -> events, evolve(state, event) -> state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, S, E]):
    """A service's law. All three functions are pure; refusing is raising `Refused`."""

    initial: Callable[[], S]
    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]


@dataclass(frozen=True, slots=True)
class Given:
    """What the world hands to a command as data.

    `at` is the database's time (UTC, aware) when the stream was loaded; a retry keeps it.
    `number` and `year` are set when the work asked for a register number.
    """

    at: datetime
    number: int | None = None
    year: int | None = None
    calendar_version: int = 1

    def taken(self) -> tuple[int, int]:
        """The register number and its year; only for work that names a `number_series`."""
        if self.number is None or self.year is None:
            message = "this work did not ask for a register number"
            raise LookupError(message)
        return self.number, self.year


@dataclass(frozen=True, slots=True)
class To(Generic[C_co]):
    """What a reaction answers: a command and the stream it is for."""

    stream_id: str
    command: C_co
