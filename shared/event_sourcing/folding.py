"""Streams folded to the view rows they leave behind: the last word of a stream on each of its rows (promise P6)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, TypeVar

import asyncpg
import orjson

from shared.event_sourcing.codec import EventCodec
from shared.event_sourcing.store import STORE_EVENTS, Definition, Delete, Recorded, Upsert
from shared.event_sourcing.view_tables import NotAView

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

Key = tuple[object, ...]


class Fold(Generic[C, S, E]):
    """Events of whole streams, in order, to view rows: the last word of a stream on each of its rows."""

    def __init__(self, definition: Definition[C, S, E]) -> None:
        self._definition = definition
        self._codec: EventCodec[E] = EventCodec(definition.events)
        self._views = frozenset(definition.views)
        self._stream_id: str | None = None
        self._state = definition.decider.initial()
        self._rows: dict[Key, Upsert | Delete] = {}
        self.events = 0

    def take(self, records: Iterable[asyncpg.Record]) -> list[Upsert | Delete]:
        """The rows of the streams that have ended among these records. Raises NotAView."""
        evolve, rows, decode = (
            self._definition.decider.evolve,
            self._definition.rows,
            self._codec.decode,
        )
        ended: list[Upsert | Delete] = []
        for stream_id, version, name, body, metadata in records:
            if stream_id != self._stream_id:
                ended += self.end()
                self._stream_id = stream_id
            self.events += 1
            if name in STORE_EVENTS:
                continue
            event = decode(name, body)
            self._state = state = evolve(self._state, event)
            at = datetime.fromisoformat(orjson.loads(metadata)["occurred_at"])
            for row in rows(Recorded(event, stream_id, version, at), state):
                self._rows[(row.table, *row.key.values())] = row
        return ended

    def end(self) -> list[Upsert | Delete]:
        """The rows of the last stream."""
        rows = list(self._rows.values())
        self._stream_id, self._state, self._rows = None, self._definition.decider.initial(), {}
        if foreign := {row.table for row in rows} - self._views:
            message = f"{', '.join(sorted(foreign))}: written by `rows`, but not among the service's VIEWS"
            raise NotAView(message)
        return rows
