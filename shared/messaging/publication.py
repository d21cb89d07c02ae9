"""From a service's own `to_public` to what the store keeps: topic, type and the exact bytes of the fact."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from shared.contracts.registry import Fact, ce_type_of, encode
from shared.contracts.topics import topic_for
from shared.event_sourcing.store import Published

S = TypeVar("S")
E = TypeVar("E")


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
