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


async def note_topics(
    connection: Connection, subscription: str, ids: Mapping[str, UUID]
) -> set[str]:
    """Note which topics these names mean now; answers those that meant another one before.

    What was stored of those is another topic's: their offsets are forgotten, and they are to be read from the start.
    What waits keeps no place in the new one: another record may stand there.
    """
    rows = await connection.fetch(
        """with now as (select * from unnest($2::text[], $3::uuid[]) as now(topic, topic_id)),
        made_again as (
            select topic from topic_ids join now using (topic)
            where subscription = $1 and topic_ids.topic_id <> now.topic_id),
        noted as (
            insert into topic_ids (subscription, topic, topic_id) select $1, topic, topic_id from now
            on conflict (subscription, topic) do update set topic_id = excluded.topic_id
            where topic_ids.topic_id <> excluded.topic_id),
        gone as (delete from offsets where subscription = $1 and topic in (select topic from made_again)),
        aside as (update blocked set "offset" = -id
            where subscription = $1 and topic in (select topic from made_again) and "offset" >= 0)
        select topic from made_again""",
        subscription, sorted(ids), [ids[topic] for topic in sorted(ids)],
    )  # fmt: skip
    return {row["topic"] for row in rows}


async def forget_lost_tails(
    connection: Connection, subscription: str, ends: Mapping[tuple[str, int], int]
) -> set[tuple[str, int]]:
    """Forget how far those partitions were read whose log ends before that: their brokers lost what stood behind.

    Other records will stand at these places. What waits from there keeps none, as when a topic is made again.
    """
    rows = await connection.fetch(
        """with logs as (
            select * from unnest($2::text[], $3::integer[], $4::bigint[]) as logs(topic, partition, ending)),
        cut as (
            delete from offsets using logs where offsets.subscription = $1 and offsets.topic = logs.topic
            and offsets.partition = logs.partition and offsets.next > logs.ending returning logs.*),
        aside as (
            update blocked set "offset" = -id from cut where blocked.subscription = $1
            and blocked.topic = cut.topic and blocked.partition = cut.partition
            and blocked."offset" >= cut.ending)
        select topic, partition from cut""",
        subscription, *map(list, zip(*((*place, end) for place, end in ends.items()), strict=True)),
    )  # fmt: skip
    return {(row["topic"], row["partition"]) for row in rows}


async def noted_topics(connection: Connection, subscription: str) -> dict[str, UUID]:
    """Which topics the offsets of this subscription count in."""
    rows = await connection.fetch(
        "select topic, topic_id from topic_ids where subscription = $1", subscription
    )
    return {row["topic"]: row["topic_id"] for row in rows}


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
