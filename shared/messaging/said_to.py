"""How far a service's own words reach, kept in Kafka apart from its database: one that knows less was put back.

Under the group `<service>.relay`: the offset is the end of the partition, so that tools show no lag that is none, and
the metadata is what follows the last record the broker acknowledged to us.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

from shared.operations.kill_points import reached

KEEP_SECONDS = 1.0
SECONDS_BETWEEN_ALL = 15
ANSWER_SECONDS_MAX = 5.0
LAST_WORD_SECONDS_MAX = 3.0
STOP_SECONDS_MAX = 2.0

log = structlog.get_logger(__name__)


def group_of(service: str) -> str:
    """Under which it is kept."""
    return f"{service}.relay"


class SaidTo:
    """What the leading relay tells Kafka to remember. Failing to is no reason to stop."""

    def __init__(self, bootstrap: str, service: str) -> None:
        self._bootstrap, self._service = bootstrap, service
        self._consumer: AIOKafkaConsumer | None = None
        self._starting: asyncio.Future[None] | None = None
        self._following: dict[TopicPartition, int] = {}
        self._changed = False

    def stands_at(self, topic: str, partition: int, offset: int) -> None:
        """Where the broker put what we just said. Before the end of what it acknowledged before: that is lost.

        Nobody else can tell: a reader whose position lies within the log again reads on, and misses what it passed.
        """
        following = self._following.get(TopicPartition(topic, partition), 0)
        if offset < following:
            log.error(
                "broker_lost_what_was_said",
                topic=topic,
                partition=partition,
                acknowledged_to=following,
                stands_at=offset,
                remedy="datacloud topics republish",
            )

    def acknowledged(self, topic: str, partition: int, following: int) -> None:
        """The broker has what stands before this offset."""
        self._following[TopicPartition(topic, partition)] = following
        self._changed = True

    async def run(self) -> None:
        """Until cancelled: every second what changed, and now and then all of it, in case somebody reset the group."""
        for second in count(1):
            await asyncio.sleep(KEEP_SECONDS)
            if second % SECONDS_BETWEEN_ALL == 0:
                self._changed = bool(self._following)
            await self._try_to_keep(ANSWER_SECONDS_MAX)

    async def _try_to_keep(self, seconds: float) -> None:
        if not self._changed:
            return
        self._changed = False
        try:
            async with asyncio.timeout(seconds):
                await self._keep()
        except (KafkaError, TimeoutError, OSError) as error:
            self._changed = True
            log.info("own_offsets_not_kept", error=type(error).__name__)

    async def _keep(self) -> None:
        consumer = self._consumer or await self._start()
        if consumer.assignment() != self._following.keys():
            consumer.assign(list(self._following))
        ends = await consumer.end_offsets(list(self._following))
        reached("before_own_offset_commit")
        await consumer.commit(
            {place: (ends[place], str(following)) for place, following in self._following.items()}
        )
        reached("after_own_offset_commit")

    async def _start(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=f"{self._service}.relay",
            group_id=group_of(self._service),
            enable_auto_commit=False,
        )
        # Cancelled half-way, a start would leave its connection behind.
        self._starting = asyncio.ensure_future(self._begin(consumer))
        self._starting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.shield(self._starting)
        return consumer

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        try:
            await consumer.start()
        except BaseException:
            with suppress(KafkaError, OSError):
                await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Keep what is not kept yet, and end; within five seconds, whatever Kafka does."""
        await self._try_to_keep(LAST_WORD_SECONDS_MAX)
        if self._starting is not None:
            await asyncio.wait({self._starting}, timeout=STOP_SECONDS_MAX)
        if self._consumer is not None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._consumer.stop()


class Offsets(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka is untyped
    """aiokafka's own question takes a coordinator that is still loading for a group that has no offsets."""

    async def of_group(self, group: str) -> Mapping[tuple[str, int], str]:
        """The metadata of every partition. Raises KafkaError."""
        coordinator = await self.find_coordinator(group)
        answer = await self._send_request(OffsetFetchRequest(group, None), coordinator)
        errors = [error for _, partitions in answer.topics for *_, error in partitions]
        for error in (answer.error_code, *errors):
            if error:
                raise for_code(error)
        return {
            (topic, partition): metadata
            for topic, partitions in answer.topics
            for partition, _, metadata, _ in partitions
        }


async def kept(bootstrap: str, service: str) -> Mapping[tuple[str, int], int]:
    """What Kafka remembers. Raises KafkaError when it does not answer, or does not know yet."""
    admin = Offsets(
        bootstrap_servers=bootstrap,
        client_id=f"{service}.recovery",
        request_timeout_ms=int(ANSWER_SECONDS_MAX * 1000),
    )
    try:
        await admin.start()
        told = await admin.of_group(group_of(service))
    finally:
        await admin.close()
    return {place: int(metadata) for place, metadata in told.items() if metadata.isdecimal()}
