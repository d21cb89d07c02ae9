"""Between a service's own facts and what the store keeps of them: topic, type and exact bytes."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

from shared.contracts.registry import Fact, Unreadable, ce_type_of, decode, encode
from shared.contracts.topics import topic_for
from shared.event_sourcing.store import Free, NumberTaken, Published, Reserve

S = TypeVar("S")
E = TypeVar("E")

Taken = Iterable[Reserve | Free | NumberTaken]


def publishing(
    service: str, to_public: Callable[[E, S], Fact | None]
) -> Callable[[E, S], Published | None]:
    """What `Definition.publish` wants; a fact the service has no right to say is a LookupError."""

    @cache
    def place(fact_type: type[Fact]) -> tuple[str, str]:
        return topic_for(service, fact_type).name, ce_type_of(fact_type)

    def publish(event: E, state: S) -> Published | None:
        fact = to_public(event, state)
        return None if fact is None else Published(*place(type(fact)), encode(fact))

    return publish


def recovering(taken: Callable[[Fact], Taken]) -> Callable[[Published], Taken]:
    """What `Definition.recovered` wants; a fact that cannot be read takes nothing."""

    def recovered(said: Published) -> Taken:
        try:
            return taken(decode(said.type, said.value))
        except Unreadable:
            return ()

    return recovered
