"""P6: the chain of hashes holds, today's code reads every event and fact, and folding them gives the rows of views
and the names that are held."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import orjson

from shared.contracts.registry import Unreadable, decode
from shared.event_sourcing.codec import GENESIS, EventCodec, chain
from shared.event_sourcing.store import Definition, Recorded, Reserve, Upsert
from tests.chaos.evidence import Evidence, Violation
from tests.chaos.world import ServiceState, StoredEvent

OF_THE_STORE = ("fact_recovered", "fact_renumbered")
"""Events of a database that was restored: they carry facts, and no state follows."""
Rows = Mapping[str, Mapping[tuple[str, ...], Mapping[str, object]]]


def check(evidence: Evidence) -> Iterator[Violation]:
    """Stream by stream, and the views of each service as a whole."""
    for name, service in evidence.services.items():
        for stream, events in service.streams.items():
            yield from _chain(name, stream, events)
            yield from _facts(name, events)
        try:
            folded, held = _fold(name, service.streams)
        except Exception as error:  # noqa: BLE001 - whatever the code does with its own past, it is a finding
            yield Violation("P6", f"history cannot be folded: {error!r}", name)
        else:
            yield from _views(name, folded, service.views)
            yield from _reserved(name, held, service)


def _chain(service: str, stream: str, events: Sequence[StoredEvent]) -> Iterator[Violation]:
    previous = GENESIS
    for version, event in enumerate(events, start=1):
        if event.version != version or event.stream_id != stream:
            yield Violation("P6", f"version {event.version} at place {version}", f"{service} {stream}")  # fmt: skip
        link = chain(
            previous,
            (
                event.stream_id.encode(),
                str(event.version).encode(),
                event.event_id.bytes,
                event.type.encode(),
                event.body,
                event.metadata,
                str(event.published).encode(),
                event.fact_type.encode() if event.fact_type else None,
                event.fact,
            ),
        )
        if link != event.hash:
            yield Violation("P6", "the chain is broken", f"{service} {stream} v{event.version}")
        previous = event.hash


def _facts(service: str, events: Sequence[StoredEvent]) -> Iterator[Violation]:
    for event in events:
        if event.fact_type and event.fact is not None:
            try:
                decode(event.fact_type, event.fact)
            except Unreadable as error:
                where = f"{service} {event.stream_id} v{event.version}"
                yield Violation("P6", f"a fact cannot be read: {error}", where)


@cache
def definition_of(service: str) -> Definition[Any, Any, Any]:
    """The core of the service as it is today."""
    definition: Definition[Any, Any, Any] = import_module(f"services.{service}.app").DEFINITION
    return definition


def _fold(
    service: str, streams: Mapping[str, Sequence[StoredEvent]]
) -> tuple[Rows, frozenset[tuple[str, str]]]:
    """The last row of each key, and which names are held by which streams.

    The instant of a view row is in the event, so `recorded_at` need not be read.
    """
    definition = definition_of(service)
    codec, evolve = EventCodec(definition.events), definition.decider.evolve
    held = set[tuple[str, str]]()
    rows: dict[str, dict[tuple[str, ...], Mapping[str, object]]] = defaultdict(dict)
    for stream, events in streams.items():
        state = definition.decider.initial()
        for stored in events:
            if stored.type in OF_THE_STORE:
                continue
            event = codec.decode(stored.type, stored.body)
            state = evolve(state, event)
            for each in definition.reserve(event, state):
                (held.add if isinstance(each, Reserve) else held.discard)((each.name, stream))
            occurred_at = orjson.loads(stored.metadata)["occurred_at"]
            recorded = Recorded(event, stream, stored.version, occurred_at)
            for row in definition.rows(recorded, state):
                key = (*map(str, row.key), *map(str, row.key.values()))
                if isinstance(row, Upsert):
                    rows[row.table][key] = {**row.key, **row.values}
                else:
                    rows[row.table].pop(key, None)
    return rows, frozenset(held)


def _reserved(
    service: str, held: frozenset[tuple[str, str]], state: ServiceState
) -> Iterator[Violation]:
    """Where a database was restored, facts hold names too that no event of today's code reserved."""
    if any(event.type in OF_THE_STORE for events in state.streams.values() for event in events):
        return
    for name, stream in sorted(held ^ {*state.reserved.items()}):
        side = "not reserved" if (name, stream) in held else "reserved though no event says so"
        yield Violation("P6", f"a name {side}: {name}", f"{service} {stream}")


def _views(
    service: str, folded: Rows, views: Mapping[str, Sequence[Mapping[str, object]]] | None
) -> Iterator[Violation]:
    if views is None:
        return
    for table, wanted in folded.items():
        names = {name for row in wanted.values() for name in row}
        should = sorted(_plain(row) for row in wanted.values())
        have = sorted(
            _plain({name: value for name, value in row.items() if name in names})
            for row in views.get(table, ())
        )
        for row in set(should) ^ set(have):
            side = "missing from the view" if row in should else "in the view alone"
            yield Violation("P6", f"{side}: {row[:200]}", f"{service} {table}")


def _plain(row: Mapping[str, object]) -> str:
    return orjson.dumps(dict(row), default=_hex, option=orjson.OPT_SORT_KEYS).decode()


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
