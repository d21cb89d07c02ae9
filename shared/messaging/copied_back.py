"""A dead letter that somebody copies back to its topic: whether it says more than what waits here already.

Promises P3 and P5: a second copy changes nothing, also when the first one could not be taken in. Otherwise each copy
would be parked and mirrored once more, and whoever copies everything back would do so for ever.
"""

import struct
from collections.abc import Iterable, Sequence

from shared.event_sourcing.database import Connection
from shared.messaging import blocked
from shared.messaging.blocked import Headers, Place, Received

ABOUT = "kafka_dlt-"
TOPIC, PARTITION, OFFSET = (
    f"{ABOUT}original-topic", f"{ABOUT}original-partition", f"{ABOUT}original-offset",
)  # fmt: skip
_PARTITION, _OFFSET = struct.Struct(">i"), struct.Struct(">q")

_PLACES = f"""
with kept as (
    select id, subscription, {blocked.COLUMNS} from blocked
    union all select id, subscription, {blocked.COLUMNS} from discarded)
select kept.* from kept join unnest($2::text[], $3::integer[], $4::bigint[]) as copied(topic, partition, place)
on kept.topic = copied.topic and kept.partition = copied.partition and kept."offset" = copied.place
where kept.subscription = $1
"""  # noqa: S608 - fixed text


def own(headers: Headers) -> Headers:
    """Those of the record itself, without what was written about it as a dead letter."""
    return [header for header in headers if not header[0].startswith(ABOUT)]


def origin(record: Received) -> Place | None:
    """The place whose dead letter this is a copy of; None for any other record."""
    told = dict(record.headers)
    topic, partition, offset = record.place[0], told.get(PARTITION), told.get(OFFSET)
    if told.get(TOPIC) != topic.encode():
        return None
    try:
        return topic, *_PARTITION.unpack(partition or b""), *_OFFSET.unpack(offset or b"")
    except struct.error:
        return None


def says_less(record: Received, stored: Received) -> bool:
    """A dead letter too large to be mirrored comes back without its value: what has bytes is not given up for it."""
    return record.value is None and stored.value is not None


def is_copy_of(record: Received, stored: Iterable[Received]) -> bool:
    """Whether it is a dead letter of one of these, and says nothing that this one does not."""
    place = origin(record)
    return place is not None and any(
        each.place == place
        and record.key == each.key
        and (record.value == each.value or says_less(record, each))
        and own(record.headers) == own(each.headers)
        for each in stored
    )


async def known_copies(
    connection: Connection, subscription: str, records: Sequence[Received]
) -> set[Place]:
    """Where those stand that are copies of what still waits here, or was discarded."""
    origins = {place for record in records if (place := origin(record)) is not None}
    if not origins:
        return set()
    columns = map(list, zip(*sorted(origins), strict=True))
    rows = await connection.fetch(_PLACES, subscription, *columns)
    stored = [blocked.from_row(row) for row in rows]
    return {record.place for record in records if is_copy_of(record, stored)}
