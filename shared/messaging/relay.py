"""The outbox reader: one leader per service says every committed fact, in order, until the broker has it.

Promises P2 (said) and P4 (in order). Rows are deleted only after the ack of all replicas, and only for partitions
that were acknowledged whole: what is sent twice after a crash carries the same id and number.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.event_sourcing.database import PlainConnection, is_world_away
from shared.event_sourcing.unit_of_work import Wakeups
from shared.messaging.broker import make_producer
from shared.messaging.said_to import SaidTo
from shared.messaging.saying import Said, dead_letters, said
from shared.operations.backoff import backoff
from shared.operations.kill_points import reached

ROWS_PER_ROUND = 500
ROUNDS_READ_ON = 20
POLL_SECONDS = 0.5
ACK_SECONDS_MAX = 15.0
LEADER_LOCK = 0x0DA7A_0001
_PARTITIONER = DefaultPartitioner()
_SESSION = {
    "timezone": "UTC",
    # A leader asks twice a second; one that is frozen or cut off loses its lock when its session ends.
    "idle_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

log = structlog.get_logger(__name__)

_READ = """
select o.position, o.topic, o.key, o.source, o.ref, e.event_id, e.fact_type, e.fact, e.published, e.metadata,
       p.data as person, t.body as text, t.person_id as text_of
from (select * from outbox where position > $3 or position <> all($2::bigint[]) order by position limit $1) as o
left join events as e on o.source = 'event' and e.stream_id = o.key and e.version = o.ref
left join persons as p on p.person_id = case when o.source = 'person' then o.key::uuid end
left join texts as t on t.text_id = case when o.source = 'text' then o.key::uuid end
order by o.position
"""
_SAID = """
with gone as (delete from outbox where position = any($1::bigint[]))
insert into offsets (subscription, topic, partition, next)
select 'relay', * from unnest($2::text[], $3::integer[], $4::bigint[])
on conflict (subscription, topic, partition) do update set next = excluded.next
"""
_SAID_BEFORE = "select topic, partition, next from offsets where subscription = 'relay'"


@dataclass(slots=True)
class _Chunk:
    """What goes to one partition in one round."""

    builder: BatchBuilder
    positions: list[int] = field(default_factory=list)
    full: bool = False

    def add(self, position: int, record: Said) -> None:
        """Once full, the rest of the partition goes in the next round, in order."""
        if self.full:
            return
        added = self.builder.append(
            key=record.key, value=record.value, timestamp=None, headers=record.headers
        )
        if added is None:
            self.full = True
        else:
            self.positions.append(position)


class Relay:
    """Empties the outbox of one service. Several may run; one leads, the others wait for its lock."""

    def __init__(self, dsn: str, bootstrap: str, service: str, wakeups: Wakeups) -> None:
        self._dsn, self._bootstrap, self._service = dsn, bootstrap, service
        self._wakeup = wakeups.of("relay")
        self._said_to = SaidTo(bootstrap, service)
        self.kafka_away = False

    async def run(self) -> None:
        """Until cancelled. Database or broker away: wait with jitter, capped at 5 s, and start over."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._lead()
            except Exception as error:
                kafka = isinstance(error, KafkaError)
                if not (kafka or is_world_away(error)):
                    raise
                self.kafka_away = kafka
                log.warning("relay_waits", error=type(error).__name__, detail=str(error)[:200])
            if asyncio.get_running_loop().time() - started > 60:  # noqa: PLR2004 - a minute of work ends a row of failures
                failures = 0
            await asyncio.sleep(backoff(failures, first=0.25, most=5.0))
            failures += 1

    async def _lead(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=5, command_timeout=30, server_settings=_SESSION
        )
        producer = make_producer(self._bootstrap, f"{self._service}.relay")
        said_to = self._said_to = SaidTo(self._bootstrap, self._service)
        keeping: asyncio.Task[None] | None = None
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LEADER_LOCK):  # noqa: ASYNC110 - another process gives it
                await asyncio.sleep(POLL_SECONDS)
            await producer.start()
            self.kafka_away = False
            for row in await connection.fetch(_SAID_BEFORE):
                said_to.acknowledged(*row)
            keeping = asyncio.create_task(said_to.run())
            log.info("relay_leads", service=self._service)
            while True:
                self._wakeup.clear()
                if await self._say(connection, producer):
                    continue
                try:  # wait_for of Python 3.11 forgets a cancellation that comes with the wakeup
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wakeup.wait()
                except TimeoutError:
                    continue
        finally:
            connection.terminate()
            if keeping is not None:
                keeping.cancel()
            await asyncio.gather(_stop(producer), said_to.stop())

    async def _say(self, connection: PlainConnection, producer: AIOKafkaProducer) -> bool:
        """Say what is there, the next 500 rows being read while the last ones travel; True if there may be more.

        Each reading begins at the start and leaves out what travels: a row may commit after rows of higher positions,
        and its stream's next row after that, so that reading on behind a position would overtake it.
        """
        rows = await _read(connection, ())
        for _ in range(ROUNDS_READ_ON):
            if not rows:
                return False
            chunks, dropped = await self._chunks(connection, producer, rows)
            acks, following = await asyncio.gather(
                self._send(producer, chunks),
                _read(connection, rows),
            )
            await self._settle(connection, chunks, acks, dropped)
            if any(chunk.full for chunk in chunks.values()):
                return True
            rows = following
        return True

    async def _settle(
        self,
        connection: PlainConnection,
        chunks: dict[tuple[str, int], _Chunk],
        acks: dict[tuple[str, int], int],
        dropped: list[int],
    ) -> None:
        """Delete what the broker has, and what is left unsaid; raises KafkaError when a partition took no chunk."""
        places = [(topic, partition, following) for (topic, partition), following in acks.items()]
        gone = [position for place in acks for position in chunks[place].positions]
        if places or dropped:
            offsets = map(list, zip(*places, strict=True)) if places else ([], [], [])
            reached("before_outbox_delete")
            await connection.execute(_SAID, gone + dropped, *offsets)
            reached("after_outbox_delete")
        # After the commit: Kafka never remembers more than a database that was not put back.
        for place in places:
            self._said_to.acknowledged(*place)
        if len(acks) < len(chunks):
            message = f"{len(chunks) - len(acks)} partitions did not acknowledge"
            raise KafkaError(message)

    async def _chunks(
        self,
        connection: PlainConnection,
        producer: AIOKafkaProducer,
        rows: Sequence[asyncpg.Record],
    ) -> tuple[dict[tuple[str, int], _Chunk], list[int]]:
        """What goes to which partition, and the positions of rows that have nothing left to say."""
        partitions = {
            topic: sorted(await producer.partitions_for(topic))
            for topic in {row["topic"] for row in rows}
        }
        dead = await dead_letters(connection, rows)
        chunks: dict[tuple[str, int], _Chunk] = {}
        dropped: list[int] = []
        for row in rows:
            record = said(self._service, row, dead)
            if record is None:
                dropped.append(row["position"])
                continue
            place = row["topic"], self._partition(row["key"], record, partitions[row["topic"]])
            chunk = chunks.get(place)
            if chunk is None:
                chunk = chunks[place] = _Chunk(producer.create_batch())
            chunk.add(row["position"], record)
        return chunks, dropped

    def _partition(self, key: str, record: Said, partitions: list[int]) -> int:
        if record.partition is not None and record.partition in partitions:
            return record.partition
        return _partition_of(key, tuple(partitions))

    async def _send(
        self, producer: AIOKafkaProducer, chunks: dict[tuple[str, int], _Chunk]
    ) -> dict[tuple[str, int], int]:
        """The next offset of every partition that took its whole chunk."""
        reached("before_publish")
        try:
            async with asyncio.timeout(ACK_SECONDS_MAX):
                futures = {
                    (topic, partition): await producer.send_batch(
                        chunk.builder, topic, partition=partition
                    )
                    for (topic, partition), chunk in chunks.items()
                }
                results: Sequence[Any] = await asyncio.gather(
                    *futures.values(), return_exceptions=True
                )
        except TimeoutError:
            raise KafkaTimeoutError from None
        reached("after_publish")
        acks = {}
        for place, result in zip(futures, results, strict=True):
            if isinstance(result, BaseException):
                log.warning("chunk_refused", topic=place[0], partition=place[1], error=repr(result))
            else:
                self._said_to.stands_at(*place, result.offset)
                acks[place] = result.offset + len(chunks[place].positions)
        return acks


@lru_cache(
    4096
)  # a stream's facts come one after the other, and the sum over a key is slow in Python
def _partition_of(key: str, partitions: tuple[int, ...]) -> int:
    return int(_PARTITIONER(key.encode(), partitions, partitions))


async def _read(
    connection: PlainConnection, travelling: Sequence[asyncpg.Record]
) -> Sequence[asyncpg.Record]:
    """The first 500 rows but for those that travel, which are in order of their positions."""
    positions = [row["position"] for row in travelling]
    last = positions[-1] if positions else 0
    return await connection.fetch(_READ, ROWS_PER_ROUND, positions, last)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(3):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        log.warning("producer_not_stopped_cleanly")
