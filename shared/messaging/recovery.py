"""At its start a service reads what its own topics hold behind the point up to which it knows that it said it.

Nothing, as a rule. But a database that was restored does not know what was said after the backup: those facts are
recovered (event_sourcing/recovering.py) before a command is decided, or, where Kafka is away, before the relay says a
word: a number that the topic has is never said of another fact (promises P2 and P12).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from shared.event_sourcing.database import is_world_away
from shared.event_sourcing.home import settle, was_put_back
from shared.event_sourcing.recovering import FactFound, Outcome, recover
from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.envelope import Envelope, open_envelope
from shared.messaging.marks import note_topics, store_offsets
from shared.messaging.reading import RecordReader, Unreadable
from shared.messaging.said_to import kept
from shared.messaging.topic_ids import topic_ids
from shared.operations.backoff import backoff
from shared.operations.kill_points import reached

READER = "relay"
"""Under this name the relay stores how far the broker has acknowledged what it said."""
RECORDS_MAX = 2_000
ANSWER_SECONDS_MAX = 3.0
NOTHING_READ_SECONDS_MAX = 30.0
TURN_SECONDS = 0.2
BACKOFF_SECONDS_MAX = 5.0
LOCK = 0x0DA7A_0004
ACTOR = "recovery"

log = structlog.get_logger(__name__)

Places = Mapping[TopicPartition, int]


class Recovery:
    """Of one service. Replicas take turns; what one has recovered, the next finds known."""

    def __init__(
        self, unit: UnitOfWork[Any, Any, Any], dsn: str, bootstrap: str, topics: Sequence[str]
    ) -> None:
        self._unit, self._dsn, self._bootstrap = unit, dsn, bootstrap
        self._topics = tuple(topics)
        self._one_at_a_time = asyncio.Lock()
        self._is_done = False
        self.kafka_away = False

    async def at_start(self) -> None:
        """Before the first command. With Kafka away the start goes on: intake accepts, and `done` is waited for.

        But not on a database that is known to have been put back: it would give register numbers twice.
        """
        attempt = 0
        while not self._is_done:
            try:
                await self._try()
            except Exception as error:
                if not self._is_to_be_waited_out(error):
                    raise
                if not await was_put_back(self._unit.pool):
                    return
                log.error("service_waits_for_kafka", because="its database was put back")  # noqa: TRY400 - told above
                await asyncio.sleep(backoff(attempt, first=0.25, most=BACKOFF_SECONDS_MAX))
                attempt += 1

    async def done(self) -> None:
        """Until it is: whoever says facts, or takes them in, waits here first."""
        attempt = 0
        while not self._is_done:
            try:
                await self._try()
            except Exception as error:
                if not self._is_to_be_waited_out(error):
                    raise
                await asyncio.sleep(backoff(attempt, first=0.25, most=BACKOFF_SECONDS_MAX))
                attempt += 1

    def _is_to_be_waited_out(self, error: Exception) -> bool:
        self.kafka_away = isinstance(error, (KafkaError, TimeoutError, OSError))
        away = self.kafka_away or is_world_away(error)
        if away:
            log.warning("recovery_waits", error=type(error).__name__, detail=str(error)[:200])
        return away

    async def _try(self) -> None:
        async with self._one_at_a_time:
            if self._is_done:
                return
            async with self._reader() as reader:
                outcome = await self._read(reader)
            await settle(self._unit.pool)
            self._is_done, self.kafka_away = True, False
        if outcome.recovered:
            log.error(
                "facts_recovered",
                service=self._unit.definition.service,
                facts=outcome.recovered,
                streams=len(outcome.streams),
                numbered_again=outcome.renumbered,
                names_held_by_others=sorted(outcome.names_held),
            )
        if outcome.strange:
            log.warning("strange_facts_passed_over", records=outcome.strange)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[RecordReader]:
        reader = RecordReader(
            bootstrap_servers=self._bootstrap,
            client_id=f"{self._unit.definition.service}.recovery",
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=int(ANSWER_SECONDS_MAX * 1000),
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await reader.start()
            yield reader
        finally:
            await reader.stop()

    async def _read(self, reader: RecordReader) -> Outcome:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            ids = await self._note_topics(reader)
            ends = await _ends(reader, sorted(ids))
        if not await self._behind(reader, ends) or not await self._knows_less(reader, ends):
            return Outcome()
        async with self._turn():
            behind = await self._behind(reader, ends)
            return await self._recover(reader, behind, ends)

    async def _knows_less(self, reader: RecordReader, ends: Places) -> bool:
        """Whether we said more than this database knows of. If not, what stands behind that is somebody else's.

        Where Kafka remembers nothing, as of a group that is new, that is not known: what bears our name is ours.
        Kafka is asked first: a replica that leads meanwhile lets the database know before Kafka.
        """
        if await was_put_back(self._unit.pool):
            return True
        said = await kept(self._bootstrap, self._unit.definition.service)
        behind = await self._behind(reader, ends)
        less = not said or any(
            said.get((place.topic, place.partition), 0) > at for place, at in behind.items()
        )
        if not less:
            log.warning("strange_records_on_our_topics", partitions=len(behind))
        return less

    async def _note_topics(self, reader: RecordReader) -> dict[str, UUID]:
        """Those of our topics that there are; of one that was made again, nothing that was stored holds any more."""
        every = await topic_ids(reader.client)
        ids = {topic: every[topic] for topic in self._topics if topic in every}
        async with self._unit.pool.acquire() as connection:
            for topic in await note_topics(connection, READER, ids):
                log.warning("topic_made_again", subscription=READER, topic=topic)
        return ids

    async def _behind(self, reader: RecordReader, ends: Places) -> dict[TopicPartition, int]:
        """Where to begin in each partition that holds more than we know of."""
        rows = await self._unit.pool.fetch(
            "select topic, partition, next from offsets where subscription = $1", READER
        )
        stored = {TopicPartition(row["topic"], row["partition"]): row["next"] for row in rows}
        open_ended = [place for place, end in ends.items() if stored.get(place) != end]
        first = await reader.beginning_offsets(open_ended) if open_ended else {}
        begin = {
            place: stored[place]
            if first[place] <= stored.get(place, -1) <= ends[place]
            else first[place]
            for place in open_ended
        }
        return {place: offset for place, offset in begin.items() if offset < ends[place]}

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One replica at a time: a session's lock, so that it ends with the session."""
        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=30)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - another process gives it
                await asyncio.sleep(TURN_SECONDS)
            yield
        finally:
            connection.terminate()

    async def _recover(self, reader: RecordReader, begin: Places, ends: Places) -> Outcome:
        """Everything from there to the ends, some thousand records a transaction."""
        outcome, left = Outcome(), dict(begin)
        reader.assign(list(begin))
        for place, offset in begin.items():
            reader.seek(place, offset)
        reader.go_on()
        while left:
            read = await self._some(reader)
            found = [
                fact for records in read.values() for fact in map(self._found, records) if fact
            ]
            left |= {place: records[-1].offset + 1 for place, records in read.items()}
            outcome.add(await recover(self._unit.pool, self._unit.definition, found))
            for place in read:
                await self._note_read(place, left[place] - 1)
            left = {place: offset for place, offset in left.items() if offset < ends[place]}
        return outcome

    async def _note_read(self, place: TopicPartition, offset: int) -> None:
        """One row at a time: the relay of another replica may be writing several."""
        async with self._unit.pool.acquire() as connection:
            reached("before_noting_recovered")
            await store_offsets(connection, READER, [(place.topic, place.partition, offset)])
            reached("after_noting_recovered")

    async def _some(self, reader: RecordReader) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            async with asyncio.timeout(NOTHING_READ_SECONDS_MAX):
                while not (read := await reader.getmany(timeout_ms=500, max_records=RECORDS_MAX)):  # noqa: ASYNC110 - it waits
                    await asyncio.sleep(0)
        except TimeoutError:
            raise KafkaTimeoutError from None
        return read

    def _found(self, record: ConsumerRecord) -> FactFound | None:
        """A fact with our name on it; None for whatever else somebody may have put there."""
        if isinstance(record, Unreadable) or record.value is None:
            return None
        opened = open_envelope(record.key, record.headers)
        if not isinstance(opened, Envelope) or opened.defect or opened.fact_id is None:
            return None
        if opened.source != self._unit.definition.service:
            return None
        said = Published(record.topic, opened.ce_type, record.value)
        metadata = _metadata(opened.fact_id, record)
        return FactFound(
            opened.subject, opened.sequence, opened.fact_id, said, metadata, record.partition, record.offset
        )  # fmt: skip


def _metadata(fact_id: UUID, record: ConsumerRecord) -> dict[str, object]:
    """What the relay makes the same headers of again."""
    headers = {
        name: value.decode() for name, value in record.headers if not name.startswith("kafka_")
    }
    return {
        "actor": ACTOR,
        "correlation_id": headers.get("ce_correlationid", str(fact_id)),
        "causation_id": headers.get("ce_causationid"),
        "traceparent": headers.get("traceparent"),
        "occurred_at": headers["ce_time"].replace("Z", "+00:00"),
    }


async def _ends(reader: RecordReader, topics: Sequence[str]) -> dict[TopicPartition, int]:
    await reader.client.set_topics(topics)
    places = []
    for topic in topics:
        partitions = reader.partitions_for_topic(topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(topic)
        places += [TopicPartition(topic, partition) for partition in sorted(partitions)]
    return dict(await reader.end_offsets(places)) if places else {}
