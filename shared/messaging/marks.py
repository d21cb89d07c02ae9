"""What a subscription has taken in: a mark per foreign stream, an offset per partition, in its own transaction.

Promise P3 (once): one row per stream, not per fact, and gaps are seen for free.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from shared.event_sourcing.database import Connection

StreamKey = tuple[str, str]
"""Topic and stream."""
Mark = tuple[int, UUID | None]
"""The number and the id of the last fact taken in."""
NO_MARK: Mark = (0, None)


async def lock_partitions(
    connection: Connection, subscription: str, partitions: Iterable[tuple[str, int]]
) -> None:
    """Two consumers of one partition, as in a rebalance, take turns. Its own statement, first: READ COMMITTED."""
    keys = sorted(
        int.from_bytes(
            hashlib.sha256(f"{subscription}\n{topic}\n{partition}".encode()).digest()[:8],
            "big",
            signed=True,
        )
        for topic, partition in partitions
    )
    await connection.execute("select pg_advisory_xact_lock(k) from unnest($1::bigint[]) as k", keys)


async def load_marks(
    connection: Connection, subscription: str, streams: Sequence[StreamKey]
) -> dict[StreamKey, Mark]:
    """How far these streams are taken in; a stream without a mark is not begun."""
    if not streams:
        return {}
    rows = await connection.fetch(
        """select m.topic, m.stream, m.sequence, m.fact_id
        from unnest($2::text[], $3::text[]) as wanted(topic, stream)
        join marks m on m.subscription = $1 and m.topic = wanted.topic and m.stream = wanted.stream""",
        subscription, *map(list, zip(*streams, strict=True)),
    )  # fmt: skip
    return {(row["topic"], row["stream"]): (row["sequence"], row["fact_id"]) for row in rows}


async def move_marks(
    connection: Connection, subscription: str, moved: Mapping[StreamKey, Mark]
) -> None:
    """These streams are taken in up to here."""
    rows = [(*stream, *mark) for stream, mark in sorted(moved.items())]
    await connection.execute(
        """insert into marks (subscription, topic, stream, sequence, fact_id)
        select $1, * from unnest($2::text[], $3::text[], $4::bigint[], $5::uuid[])
        on conflict (subscription, topic, stream)
        do update set sequence = excluded.sequence, fact_id = excluded.fact_id""",
        subscription, *map(list, zip(*rows, strict=True)),
    )  # fmt: skip


async def store_offsets(
    connection: Connection, subscription: str, places: Iterable[tuple[str, int, int]]
) -> None:
    """Where a consumer goes on, kept with what it did: a restored database catches up by itself."""
    following: dict[tuple[str, int], int] = {}
    for topic, partition, offset in places:
        following[(topic, partition)] = max(offset + 1, following.get((topic, partition), 0))
    rows = [(*place, offset) for place, offset in sorted(following.items())]
    await connection.execute(
        """insert into offsets (subscription, topic, partition, next)
        select $1, * from unnest($2::text[], $3::integer[], $4::bigint[])
        on conflict (subscription, topic, partition)
        do update set next = greatest(offsets.next, excluded.next)""",
        subscription, *map(list, zip(*rows, strict=True)),
    )  # fmt: skip
