"""A reader's copy of personal records from compacted topics: last wins, null deletes, the forgotten stay forgotten.

No marks, no holding, no dead letters; a bad record is noted loose without its bytes, because they may be personal.
"""

from collections.abc import Sequence

import structlog
from pydantic import ValidationError

from shared.event_sourcing.database import Connection, Pool
from shared.event_sourcing.unit_of_work import Wakeups
from shared.messaging import blocked
from shared.messaging.blocked import Received
from shared.messaging.marks import lock_partitions, store_offsets
from shared.operations import metrics
from shared.people.persons import Person, Text

log = structlog.get_logger(__name__)

_PERSONS = """
insert into persons (person_id, data)
select copied.* from unnest($1::uuid[], $2::bytea[]) as copied(person_id, data)
where not exists (select from forgotten where forgotten.person_id = copied.person_id)
on conflict (person_id) do update set data = excluded.data
"""
_TEXTS = """
insert into texts (text_id, person_id, body)
select copied.* from unnest($1::uuid[], $2::uuid[], $3::text[]) as copied(text_id, person_id, body)
where not exists (select from forgotten where forgotten.person_id = copied.person_id)
on conflict (text_id) do update set body = excluded.body, person_id = excluded.person_id
"""


class Copies:
    """One service's copies of the personal topics it may read."""

    def __init__(
        self,
        pool: Pool,
        name: str,
        topics: Sequence[str],
        wakeups: Wakeups | None = None,
    ) -> None:
        self._pool, self.name, self.topics = pool, name, tuple(topics)
        self._wakeups = wakeups

    async def sweep(self) -> None:
        """Nothing waits here."""

    async def handle(self, records: Sequence[Received]) -> None:
        """Upsert or delete by key, in one transaction with the offsets."""
        persons: dict[str, Person | None] = {}
        texts: dict[str, Text | None] = {}
        loose = []
        for record in records:
            key = (record.key or b"").decode("utf-8", "replace")
            try:
                if record.value is None:
                    persons[key] = texts[key] = None
                elif _type_of(record) == b"datacloud.text.v1":
                    texts[key] = Text.model_validate_json(record.value)
                else:
                    persons[key] = Person.model_validate_json(record.value)
            except (ValidationError, ValueError) as error:
                log.warning(
                    "personal_record_unreadable", topic=record.place[0], error=type(error).__name__
                )
                loose.append(_without_bytes(record))
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_partitions(connection, self.name, {record.place[:2] for record in records})
            await blocked.insert(connection, self.name, loose)
            await _write_persons(connection, persons)
            await _write_texts(connection, texts)
            await store_offsets(connection, self.name, [record.place for record in records])
        metrics.RECORDS.labels(self.name, "received").inc(len(records))
        metrics.RECORDS.labels(self.name, "applied").inc(len(records) - len(loose))
        metrics.RECORDS.labels(self.name, "parked").inc(len(loose))


def _type_of(record: Received) -> bytes | None:
    return next((value for name, value in record.headers if name == "ce_type"), None)


def _without_bytes(record: Received) -> Received:
    return Received(record.place, record.key, None, (), reason="unreadable_personal_record")


async def _write_persons(connection: Connection, persons: dict[str, Person | None]) -> None:
    present = [person for person in persons.values() if person]
    data = [person.model_dump_json(exclude_none=True).encode() for person in present]
    if present:
        await connection.execute(_PERSONS, [person.person_id for person in present], data)
    gone = [key for key, person in persons.items() if person is None]
    if gone:
        await connection.execute(
            "delete from persons where person_id::text = any($1::text[])", gone
        )


async def _write_texts(connection: Connection, texts: dict[str, Text | None]) -> None:
    present = [text for text in texts.values() if text]
    if present:
        await connection.execute(
            _TEXTS,
            [text.text_id for text in present],
            [text.person_id for text in present],
            [text.body for text in present],
        )
    gone = [key for key, text in texts.items() if text is None]
    if gone:
        await connection.execute("delete from texts where text_id::text = any($1::text[])", gone)
