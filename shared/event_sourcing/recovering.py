"""Facts that a topic has and the store lost, because its database was restored: kept again, as the store's own events.

Promise P2 (same id, same number, for ever): `fact_recovered` holds a fact under the id, number and bytes it was said
with, so that its number is not given again and republishing says it; no outbox row, the hash chain goes on. What the
stream said meanwhile under a number that was taken already, `fact_renumbered` says under the next free one.

No state, view or due work follows from either. Registers are raised and names reserved as the facts tell, so that no
number is given twice and no second open request slips in. A command on such a stream meets the state of the backup, or
that of a stream nobody wrote to: it is decided or refused by that, and its facts are numbered behind those recovered.

What an operator does: `datacloud recovered list` shows each case. Of a stream that still has a state, compare both and
bring it up to date by the ordinary commands; most comes by itself, from the topics of the other services. Of a stream
that is gone, ask the people for their papers again; `datacloud recovered free` gives back the name that it holds.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from shared.event_sourcing.append import save
from shared.event_sourcing.codec import GENESIS, as_json, link
from shared.event_sourcing.database import Connection, Pool, is_contention
from shared.event_sourcing.store import (
    FACT_RECOVERED,
    FACT_RENUMBERED,
    Changes,
    Definition,
    EventRow,
    NumberTaken,
    Pointer,
    Published,
    Reserve,
)
from shared.operations.kill_points import reached


@dataclass(frozen=True, slots=True)
class FactFound:
    """A fact of our own as it stands on its topic; `metadata` is that of the event that said it."""

    stream_id: str
    number: int
    event_id: UUID
    said: Published
    metadata: Mapping[str, object]
    partition: int
    offset: int


@dataclass(slots=True)
class Outcome:
    """What came of the facts found. `strange` were not said by this store, under numbers that it gave to others."""

    recovered: int = 0
    renumbered: int = 0
    strange: int = 0
    streams: set[str] = field(default_factory=set)
    names_held: set[str] = field(default_factory=set)

    def add(self, other: "Outcome") -> None:
        self.recovered += other.recovered
        self.renumbered += other.renumbered
        self.strange += other.strange
        self.streams |= other.streams
        self.names_held |= other.names_held


_STREAMS = """
select e.stream_id, e.version, e.event_id, e.published, e.hash, o.topic,
    case when o.topic is not null then e.fact_type end as fact_type,
    case when o.topic is not null then e.fact end as fact,
    case when o.topic is not null then e.metadata end as metadata
from events as e left join outbox as o on o.source = 'event' and o.key = e.stream_id and o.ref = e.version
where e.stream_id = any($1::text[]) order by e.stream_id, e.version
"""
_RAISE = """
insert into numbers as held (series, year, last) select * from unnest($1::text[], $2::integer[], $3::integer[])
on conflict (series, year) do update set last = greatest(held.last, excluded.last)
"""
_FREE = """
delete from reserved using unnest($1::text[], $2::text[]) as free(name, stream_id)
where reserved.name = free.name and reserved.stream_id = free.stream_id
"""
_TAKE = """
with wanted as (select * from unnest($1::text[], $2::text[]) as wanted(name, stream_id)),
taken as (insert into reserved (name, stream_id) select * from wanted on conflict (name) do nothing returning name)
select name from wanted where name not in (select name from taken)
  and not exists (select from reserved as r where r.name = wanted.name and r.stream_id = wanted.stream_id)
"""
# A row that is locked is being deleted by the relay of another replica.
_UNPOINT = """
delete from outbox where position in (
    select o.position from outbox as o join unnest($1::text[], $2::bigint[]) as gone(key, ref)
    on o.source = 'event' and o.key = gone.key and o.ref = gone.ref
    order by o.position for update of o skip locked)
"""


async def recover(
    pool: Pool, definition: Definition[Any, Any, Any], found: Sequence[FactFound]
) -> Outcome:
    """Keep those of these facts that are lost, in the order of their topics; in one transaction."""
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                outcome = await _recover(connection, definition, found)
                reached("before_commit_of_recovered")
            reached("after_commit_of_recovered")
        except asyncpg.PostgresError as error:
            if not is_contention(error):
                raise
            await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter
        else:
            return outcome


async def _recover(
    connection: Connection, definition: Definition[Any, Any, Any], found: Sequence[FactFound]
) -> Outcome:
    streams = {each.stream_id: _Stream(each.stream_id) for each in found}
    for row in await connection.fetch(_STREAMS, list(streams)):
        streams[row["stream_id"]].read(row)
    lost = [each for each in found if streams[each.stream_id].take(each)]
    for stream in streams.values():
        stream.number_again()
    changes = Changes()
    for stream in streams.values():
        changes.events += stream.events
        changes.outbox += stream.pointers
    # Locks in the order of every transaction: numbers, reserved, events.
    names_held = await _take_effect(connection, definition, lost)
    reached("before_append_of_recovered")
    await save(connection, changes)
    reached("after_append_of_recovered")
    gone = [(stream.stream_id, version) for stream in streams.values() for version in stream.said]
    if gone:
        await connection.execute(_UNPOINT, *map(list, zip(*gone, strict=True)))
    return Outcome(
        len(lost),
        len(changes.outbox),
        sum(stream.strange for stream in streams.values()),
        {each.stream_id for each in lost},
        names_held,
    )


async def _take_effect(
    connection: Connection, definition: Definition[Any, Any, Any], lost: Sequence[FactFound]
) -> set[str]:
    """Registers and names as the facts tell them; answers the names that other streams hold."""
    numbers: dict[tuple[str, int], int] = {}
    reserved: dict[tuple[str, str], bool] = {}
    for each in lost:
        for effect in definition.recovered(each.said):
            if isinstance(effect, NumberTaken):
                series = effect.series, effect.year
                numbers[series] = max(effect.number, numbers.get(series, 0))
            else:
                reserved[(effect.name, each.stream_id)] = isinstance(effect, Reserve)
    if numbers:
        rows = [(*series, number) for series, number in sorted(numbers.items())]
        await connection.execute(_RAISE, *map(list, zip(*rows, strict=True)))
    free = sorted(key for key, taken in reserved.items() if not taken)
    take = sorted(key for key, taken in reserved.items() if taken)
    if free:
        await connection.execute(_FREE, *map(list, zip(*free, strict=True)))
    rows_held = await connection.fetch(_TAKE, *map(list, zip(*take, strict=True))) if take else []
    return {row["name"] for row in rows_held}


class _Stream:
    """A stream's end, and what is to be written behind it."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self._version, self._published, self._hash = 0, 0, GENESIS
        self._known: set[UUID] = set()
        self._unsaid: dict[UUID, asyncpg.Record] = {}
        self._highest_found = 0
        self.strange = 0
        self.events: list[EventRow] = []
        self.pointers: list[Pointer] = []
        self.said: list[int] = []

    def read(self, row: asyncpg.Record) -> None:
        """One event of it, in order."""
        self._version, self._hash = row["version"], row["hash"]
        self._published = max(self._published, row["published"])
        self._known.add(row["event_id"])
        if row["topic"] is not None:
            self._unsaid[row["event_id"]] = row

    def take(self, found: FactFound) -> bool:
        """Whether the fact was lost, and is written again; one that waits to be said, but was said, waits no more."""
        if found.event_id in self._known:
            if (said := self._unsaid.pop(found.event_id, None)) is not None:
                self.said.append(said["version"])
            return False
        ours = {row["published"] for row in self._unsaid.values()}
        if found.number <= self._published and found.number not in ours:
            self.strange += 1
            return False
        self._known.add(found.event_id)
        self._highest_found = max(self._highest_found, found.number)
        place = {"topic": found.said.topic, "partition": found.partition, "offset": found.offset}
        self._append(
            FACT_RECOVERED, found.event_id, as_json(place), as_json(found.metadata), found.number,
            (found.said.type, found.said.value),
        )  # fmt: skip
        return True

    def number_again(self) -> None:
        """What waits to be said in a stream that had said more: behind that, so that no number is said of two facts."""
        if not self._highest_found:
            return
        number = self._highest_found
        for event_id, row in self._unsaid.items():
            number += 1
            replaced = as_json({"event_id": str(event_id), "number": row["published"]})
            fact = row["fact_type"], row["fact"]
            self._append(FACT_RENUMBERED, uuid4(), replaced, row["metadata"], number, fact)
            self.pointers.append(Pointer(row["topic"], self.stream_id, "event", self._version))
            self.said.append(row["version"])

    def _append(  # noqa: PLR0913, PLR0917 - what makes an event row
        self, name: str, event_id: UUID, body: bytes, metadata: bytes, number: int, fact: tuple[str, bytes],
    ) -> None:  # fmt: skip
        self._version += 1
        self._published = max(self._published, number)
        row = (self.stream_id, self._version, event_id, name, body, metadata, number, *fact)
        self._hash = link(self._hash, *row)
        self.events.append(EventRow(*row, self._hash))
