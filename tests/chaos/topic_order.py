"""What was stored, answered and said by one service on one topic, and what is wrong between them (P1, P2, P4)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.event_sourcing.database import Pool
from shared.messaging.trace import everything

SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the topic. `place` is its partition and offset."""

    place: tuple[int, int]
    key: str
    fact_id: str
    sequence: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """`stored`: by id the key, the number and the bytes. `answered`: what happened, as callers were told."""

    stored: Mapping[str, tuple[str, int, bytes]]
    answered: frozenset[bytes]
    records: Sequence[Record]


async def read_said(pool: Pool, bootstrap: str, topic: str, answered: Path) -> Said:
    """When all is said; a last line that was cut off by a kill was not answered."""
    rows = await pool.fetch(
        "select event_id, stream_id, published, fact from events where fact is not null"
    )
    records = []
    async for each in everything(bootstrap, [topic]):
        about = {name: (value or b"").decode() for name, value in each.headers}
        place, key = (each.partition, each.offset), (each.key or b"").decode()
        number = int(about["ce_sequence"])
        records.append(Record(place, key, about["ce_id"], number, each.value or b""))
    return Said(
        {str(row["event_id"]): (row["stream_id"], row["published"], row["fact"]) for row in rows},
        frozenset(_lines(answered)),
        sorted(records, key=lambda record: record.place),
    )


def _lines(path: Path) -> Iterator[bytes]:
    yield from path.read_bytes().split(b"\n")[:-1]


def wrong_with(said: Said) -> Iterator[str]:
    """One line a kind, with some examples."""
    facts = {fact for _, _, fact in said.stored.values()}
    found = {
        "answered and not stored": said.answered - facts,
        "stored and not on the topic": said.stored.keys() - {each.fact_id for each in said.records},
        "on the topic otherwise than stored": {
            each.place
            for each in said.records
            if said.stored.get(each.fact_id) != (each.key, each.sequence, each.value)
        },
        "keys whose first appearances are not 1, 2, 3, ...": _disordered(said.records),
        "keys on more than one partition": _scattered(said.records),
    }
    for what, examples in found.items():
        if examples:
            some = ", ".join(map(str, sorted(examples, key=str)[:SHOWN_MAX]))
            yield f"{len(examples)} {what}: {some}"


def _disordered(records: Sequence[Record]) -> set[str]:
    first = defaultdict[str, dict[str, int]](dict)
    for each in records:
        first[each.key].setdefault(each.fact_id, each.sequence)
    return {key for key, seen in first.items() if [*seen.values()] != [*range(1, len(seen) + 1)]}


def _scattered(records: Sequence[Record]) -> set[str]:
    places = defaultdict[str, set[int]](set)
    for each in records:
        places[each.key].add(each.place[0])
    return {key for key, partitions in places.items() if len(partitions) > 1}
