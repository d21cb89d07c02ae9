"""Given what has happened, when a command comes, then these events: the pure cores, without a server."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Generic, TypeVar

import pytest

from shared.contracts.registry import Fact
from shared.event_sourcing.codec import EventCodec
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.store import CancelDue, SetDue

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Past(Generic[C, S, E]):
    """A stream as far as it has come."""

    decider: Decider[C, S, E]
    events: tuple[E, ...] = ()

    @property
    def state(self) -> S:
        """What the service knows."""
        return reduce(self.decider.evolve, self.events, self.decider.initial())

    def when(self, command: C) -> list[E]:
        """What the command makes happen."""
        return list(self.decider.decide(command, self.state))

    def after(self, *commands: C) -> "Past[C, S, E]":
        """The past in which these commands were obeyed too."""
        past = self
        for command in commands:
            past = replace(past, events=(*past.events, *past.when(command)))
        return past

    def steps(self) -> Iterator[tuple[E, S]]:
        """Each event with the state after it, as publication, schedule and reservations are asked."""
        state = self.decider.initial()
        for event in self.events:
            state = self.decider.evolve(state, event)
            yield event, state

    def refuses(self, command: C) -> Refused:
        """The refusal, which must come."""
        with pytest.raises(Refused) as refusal:
            self.when(command)
        return refusal.value


def told(past: Past[C, S, E], to_public: Callable[[E, S], Fact | None]) -> list[Fact]:
    """Every fact the others hear of the stream, in its order."""
    facts = [to_public(event, state) for event, state in past.steps()]
    return [fact for fact in facts if fact is not None]


def waiting(
    past: Past[C, S, E], due: Callable[[E, S], Iterable[SetDue | CancelDue]]
) -> dict[str, SetDue]:
    """The due work that waits after all that happened."""
    entries: dict[str, SetDue] = {}
    for entry in (entry for event, state in past.steps() for entry in due(event, state)):
        if isinstance(entry, SetDue):
            entries[entry.name] = entry
        else:
            entries.pop(entry.name, None)
    return entries


def names(events: Iterable[object]) -> list[str]:
    """What happened, in words."""
    return [type(event).__name__ for event in events]


def read_back(kinds: Sequence[type[E]], events: Iterable[E]) -> list[E]:
    """The events as they come out of the store again."""
    codec = EventCodec(kinds)
    return [codec.decode(*codec.encode(event)) for event in events]
