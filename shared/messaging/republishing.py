"""Topics refilled from what their owner has: every fact it ever said, and the persons and texts it keeps.

Promise P2 (said, for ever repeatable): same ids, numbers, bytes and order per stream, because the relay says again what
is stored. Consumers find duplicates. A person who was forgotten is said as deleted once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from shared.contracts.registry import ce_type_of
from shared.contracts.topics import GROUPS, TOPICS, dead_letters_of
from shared.event_sourcing.database import Connection

LOCK_SECONDS_MAX = 10


class NoTopic(Exception):  # noqa: N818 - what is wrong, for the operator
    """Facts were stored of a type that has no topic of this service: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What a service owns: the topic of each type of its facts, and of its persons and texts if readers get copies."""

    facts: Mapping[str, str]
    persons: str | None = None
    texts: str | None = None
    dead_letters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def owned_by(service: str) -> Owned:
    """According to the table of topics."""
    own = [topic for topic in TOPICS if topic.owner == service]
    personal = {topic.key: topic.name for topic in own if topic.compacted}
    return Owned(
        {ce_type_of(fact): topic.name for topic in own for fact in topic.facts},
        personal.get("person_id"),
        personal.get("text_id"),
        {
            group: tuple(topic.name for topic in topics)
            for group, topics in GROUPS.items()
            if group.partition(".")[0] == service
        },
    )


# An event that was said under another number later on is not said under this one.
_FACTS = """
renumbered as materialized (
    select (convert_from(body, 'UTF8')::json->>'event_id')::uuid as event_id
    from events where type = 'fact_renumbered'),
facts as (
    select e.position, e.stream_id, e.version, e.fact_type, coalesce(place.topic,
        case e.type when 'fact_recovered' then convert_from(e.body, 'UTF8')::json->>'topic' end) as topic
    from events as e left join unnest($1::text[], $2::text[]) as place(fact_type, topic) using (fact_type)
    where e.fact is not null and not exists (select from renumbered where renumbered.event_id = e.event_id))
"""
_WITHOUT_TOPIC = (
    f"with {_FACTS} select distinct fact_type from facts where topic is null order by 1"  # noqa: S608 - fixed text
)
_PERSONAL = """
select 'person' as source, $1::text as topic, person_id as id from persons where $1 is not null
union select 'person', $1, person_id from forgotten where $1 is not null
union all select 'text', $2::text, text_id from texts where $2 is not null
"""
_BLOCKED = """
select 'blocked' as source, place.dead_letters as topic, blocked.id from blocked
join unnest($1::text[], $2::text[], $3::text[]) as place(subscription, topic, dead_letters) using (subscription, topic)
where reason is not null
"""
_COUNTS = {
    "facts": f"with {_FACTS} select topic, count(*) from facts group by topic",  # noqa: S608 - fixed text
    "persons and texts": f"select topic, count(*) from ({_PERSONAL}) as p group by topic",  # noqa: S608 - fixed text
    "dead letters": f"select topic, count(*) from ({_BLOCKED}) as b group by topic",  # noqa: S608 - fixed text
}
_INTO = "insert into outbox (topic, key, source, ref)"
_SAY_PERSONAL = (
    f"{_INTO} select topic, id::text, source, 0 from ({_PERSONAL}) as p order by topic, id"  # noqa: S608 - fixed text
)
_SAY_FACTS = (
    f"with {_FACTS} {_INTO} select topic, stream_id, 'event', version from facts order by position"  # noqa: S608 - fixed text
)
_SAY_BLOCKED = f"{_INTO} select topic, '', source, id from ({_BLOCKED}) as b order by id"  # noqa: S608 - fixed text


async def republish(
    owner_dsn: str, owned: Owned, *, dry_run: bool = False
) -> dict[str, dict[str, int]]:
    """Put pointers to everything into the outbox, in one transaction that nobody appends in; the relay does the rest.

    Answers per topic how many facts, persons and texts, and dead letters it is going to say. Raises NoTopic.
    """
    settings = {"lock_timeout": f"{LOCK_SECONDS_MAX}s"}
    connection = await asyncpg.connect(owner_dsn, timeout=10, server_settings=settings)
    try:
        async with connection.transaction(readonly=dry_run):
            if not dry_run:
                await connection.execute("lock table events in share mode")
            return await _republish(connection, owned, dry_run=dry_run)
    finally:
        await connection.close()


async def _republish(
    connection: Connection, owned: Owned, *, dry_run: bool
) -> dict[str, dict[str, int]]:
    facts = list(owned.facts), list(owned.facts.values())
    personal = owned.persons, owned.texts
    places = [
        (group, topic, dead_letters_of(topic, group))
        for group, topics in owned.dead_letters.items()
        for topic in topics
    ]
    blocked = [[row[column] for row in places] for column in range(3)]
    if unknown := await connection.fetch(_WITHOUT_TOPIC, *facts):
        raise NoTopic(", ".join(row["fact_type"] for row in unknown))
    told: dict[str, dict[str, int]] = {}
    for (what, query), args in zip(_COUNTS.items(), (facts, personal, blocked), strict=True):
        for topic, count in await connection.fetch(query, *args):
            told.setdefault(topic, {})[what] = count
    if not dry_run:
        # Personal pointers stay: the row of one may be gone, and its tombstone is still to be said.
        await connection.execute("delete from outbox where source = 'event'")
        await connection.execute(_SAY_PERSONAL, *personal)
        await connection.execute(_SAY_FACTS, *facts)
        await connection.execute(_SAY_BLOCKED, *blocked)
    return told
