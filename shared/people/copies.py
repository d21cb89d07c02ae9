"""A reader's copy of personal records from compacted topics: last wins, null deletes, the forgotten stay forgotten.

No marks, no holding, no dead letters; a bad record is noted loose without its bytes, because they may be personal.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg
import structlog

from shared.event_sourcing.database import Connection, Pool, is_contention, is_world_away
from shared.messaging import blocked
from shared.messaging.blocked import Place, Received
from shared.messaging.marks import lock_partitions, store_offsets
from shared.operations import metrics
from shared.operations.kill_points import reached
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

Content = Person | Text | Literal["deleted", "unreadable"]


@dataclass(frozen=True, slots=True)
class _Copy:
    """One record under its key, which is the id of the person or text."""

    place: Place
    key: UUID
    content: Content


class Copies:
    """One service's copies of the personal topics it may read."""

    def __init__(self, pool: Pool, name: str, topics: Sequence[str]) -> None:
        self._pool, self.name, self.topics = pool, name, tuple(topics)

    async def sweep(self) -> None:
        """Nothing waits here."""

    async def handle(self, records: Sequence[Received]) -> None:
        """Upsert or delete by key, in one transaction with the offsets; raises only while the database is away."""
        if left := [record for record in records if not record.taken]:
            await self._handle(left)

    async def _handle(self, records: Sequence[Received], *, refused: bool = False) -> None:
        """A batch that the database refuses is halved until the culprit stands alone."""
        try:
            await self._commit(records, refused=refused)
        except Exception as error:
            if is_world_away(error) or refused:
                raise
            if len(records) > 1:
                middle = len(records) // 2
                await self._handle(records[:middle])
                await self._handle(records[middle:])
            else:
                code = getattr(error, "sqlstate", None)  # its message may quote the record
                log.error("personal_record_refused", error=type(error).__name__, sqlstate=code)  # noqa: TRY400 - likewise
                await self._handle(records, refused=True)

    async def _commit(self, records: Sequence[Received], *, refused: bool) -> None:
        copies = [_unreadable(record) if refused else _read(record) for record in records]
        bad = {copy.place for copy in copies if copy.content == "unreadable"}
        latest = {copy.key: copy.content for copy in copies if copy.place not in bad}
        while True:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    places = [record.place for record in records]
                    await lock_partitions(connection, self.name, {place[:2] for place in places})
                    known = await blocked.stored_places(connection, self.name, list(bad))
                    loose = [_without_bytes(r) for r in records if r.place in bad - known]
                    await blocked.insert(connection, self.name, loose)
                    await _write(connection, latest)
                    await store_offsets(connection, self.name, places)
                    reached("before_commit_of_copies")
                reached("after_commit_of_copies")
            except asyncpg.PostgresError as error:
                if not is_contention(error):
                    raise
            else:
                break
        for record in records:
            record.taken = True
        self._count(len(records), len(known), len(loose))

    def _count(self, received: int, duplicate: int, parked: int) -> None:
        applied = received - duplicate - parked
        outcomes = Counter(received=received, applied=applied, duplicate=duplicate, parked=parked)
        for outcome, count in (+outcomes).items():
            metrics.RECORDS.labels(self.name, outcome).inc(count)


def _read(record: Received) -> _Copy:
    """The key must be the id of what it carries: by it the record is replaced, deleted and compacted."""
    try:
        key = UUID((record.key or b"").decode("ascii"))
        content = _content(record)
    except ValueError:  # pydantic's errors are ValueErrors too
        return _unreadable(record)
    about = _id_of(content)
    if str(key).encode() != record.key or about not in (None, key):
        return _unreadable(record)
    return _Copy(record.place, key, content)


def _id_of(content: Content) -> UUID | None:
    if isinstance(content, Person):
        return content.person_id
    return content.text_id if isinstance(content, Text) else None


def _content(record: Received) -> Content:
    if record.reason == "header_name_not_utf8":  # its bytes are not here: it is no tombstone
        return "unreadable"
    if record.value is None:
        return "deleted"
    kind = next((value for name, value in record.headers if name == "ce_type"), None)
    model = Text if kind == b"datacloud.text.v1" else Person
    return model.model_validate_json(record.value)


def _unreadable(record: Received) -> _Copy:
    return _Copy(record.place, UUID(int=0), "unreadable")


def _without_bytes(record: Received) -> Received:
    log.warning("personal_record_unreadable", topic=record.place[0])
    return Received(record.place, record.key, None, (), reason="unreadable_personal_record")


async def _write(connection: Connection, latest: dict[UUID, Content]) -> None:
    if persons := [each for each in latest.values() if isinstance(each, Person)]:
        data = [person.model_dump_json(exclude_none=True).encode() for person in persons]
        await connection.execute(_PERSONS, [person.person_id for person in persons], data)
    if texts := [each for each in latest.values() if isinstance(each, Text)]:
        rows = [(text.text_id, text.person_id, text.body) for text in texts]
        await connection.execute(_TEXTS, *map(list, zip(*rows, strict=True)))
    if gone := [key for key, content in latest.items() if content == "deleted"]:
        await connection.execute("delete from persons where person_id = any($1::uuid[])", gone)
        await connection.execute("delete from texts where text_id = any($1::uuid[])", gone)
