"""A subscription at work: FastStream hands over batches, the database decides, then the offset is committed.

Promises P5 and P12: while the world is away the same batch is tried again in place; a consumer that makes no progress
though there is something to read ends the process, and the supervisor starts a fresh one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.event_sourcing.database import Pool, is_world_away
from shared.messaging import broker as options
from shared.messaging import topics_admin
from shared.messaging.blocked import Received, receive
from shared.messaging.subscription import OurCodeFails
from shared.operations.backoff import backoff

STALLED_SECONDS = 60.0
WATCH_SECONDS = 5.0
BACKOFF_SECONDS_MAX = 10.0

log = structlog.get_logger(__name__)


class Takes(Protocol):
    """What a consumer feeds: a subscription of facts, or of personal records."""

    name: str
    topics: tuple[str, ...]

    async def handle(self, records: Sequence[Received]) -> None:
        """Take in these records; return when committed; raise only what is to be waited out."""

    async def sweep(self) -> None:
        """What is left to do from before the start."""


class Stalled(Exception):  # noqa: N818 - what happened, for the log of the supervisor
    """Something to read, nothing read, and nothing known to be away: only a fresh process helps."""


class TopicsWrong(Exception):  # noqa: N818 - what is wrong, for the operator
    """A topic is missing or differs from `topics.py`: starting would lose or reorder facts."""


@dataclass(slots=True)
class _Feed:
    """One subscription on its consumer."""

    takes: Takes
    subscriber: BatchSubscriber
    progress_at: float = 0.0
    waiting: bool = False
    failed: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Consumer:
    """All subscriptions of a service on one broker."""

    def __init__(
        self,
        pool: Pool,
        bootstrap: str,
        service: str,
        subscriptions: Iterable[Takes],
        own_topics: Sequence[str] = (),
    ) -> None:
        self._pool, self._bootstrap, self._service = pool, bootstrap, service
        self._subscriptions = tuple(subscriptions)
        self._topics = sorted({*own_topics, *(t for s in self._subscriptions for t in s.topics)})
        self.state = "starting"

    async def run(self) -> None:
        """Until cancelled. Kafka away at start: keep trying, the service accepts meanwhile.

        Raises TopicsWrong or Stalled, which end the process.
        """
        attempt = 0
        while True:
            try:
                await self._check_topics()
                break
            except (KafkaError, OSError, TimeoutError) as error:
                self.state = "kafka_away"
                log.warning("consumer_waits_for_kafka", error=type(error).__name__)
                await asyncio.sleep(backoff(attempt, first=0.2, most=BACKOFF_SECONDS_MAX))
                attempt += 1
        broker = options.make_broker(self._bootstrap, self._service)
        feeds = [self._feed(broker, takes) for takes in self._subscriptions]
        for takes in self._subscriptions:
            await self._patiently(takes.name, takes.sweep)
        try:
            await options.connect(broker)
            await broker.start()
            self.state = "consuming"
            await self._watch(feeds)
        finally:
            self.state = "stopped"
            await broker.stop()

    async def _check_topics(self) -> None:
        problems = await topics_admin.check(self._bootstrap, self._topics)
        if problems:
            raise TopicsWrong("; ".join(map(str, problems)))

    def _feed(self, broker: KafkaBroker, takes: Takes) -> _Feed:
        async def handle(records: options.Records) -> None:
            await self._take(feed, records)

        def consumer() -> object:
            return feed.subscriber.consumer

        listener = _StartWhereStored(self._pool, takes.name, consumer)
        subscriber = options.subscribe(broker, takes.topics, takes.name, handle, listener)
        feed = _Feed(takes, subscriber, asyncio.get_running_loop().time())
        return feed

    async def _take(self, feed: _Feed, records: options.Records) -> None:
        """FastStream swallows what a handler raises, so nothing may leave here but through `failed`."""
        try:
            received = [receive(record) for record in records]
            await self._patiently(feed.takes.name, lambda: feed.takes.handle(received), feed)
            feed.progress_at = asyncio.get_running_loop().time()
            await self._commit(feed, records)
        except Exception as error:
            log.exception("batch_failed", subscription=feed.takes.name)
            if not feed.failed.done():
                feed.failed.set_exception(error)
            await asyncio.sleep(60)  # the process is about to end; read nothing more

    async def _patiently(
        self, name: str, call: Callable[[], Awaitable[None]], feed: _Feed | None = None
    ) -> None:
        """Try in place until the world is back; records are not judged by it and offsets stay."""
        attempt = 0
        while True:
            try:
                await call()
            except Exception as error:
                if not (is_world_away(error) or isinstance(error, OurCodeFails)):
                    raise
                if feed:
                    feed.waiting = True
                log.warning(
                    "subscription_waits",
                    subscription=name,
                    error=type(error).__name__,
                    detail=str(error)[:200],
                )
                await asyncio.sleep(backoff(attempt, first=0.2, most=BACKOFF_SECONDS_MAX))
                attempt += 1
            else:
                if feed:
                    feed.waiting = False
                return

    async def _commit(self, feed: _Feed, records: options.Records) -> None:
        """Explicit offsets; a commit that fails is passed over, because the marks find the duplicates."""
        following: dict[TopicPartition, int] = {}
        for record in records:
            following[TopicPartition(record.topic, record.partition)] = record.offset + 1
        consumer = feed.subscriber.consumer
        if consumer is None:
            return
        try:
            await asyncio.wait_for(consumer.commit(following), 10)
        except (KafkaError, TimeoutError, OSError) as error:
            log.info("offset_commit_passed_over", error=type(error).__name__)

    async def _watch(self, feeds: Sequence[_Feed]) -> None:
        """Until a feed fails or stalls."""
        while True:
            failed = [feed.failed for feed in feeds]
            if failed:
                await asyncio.wait(failed, timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED")
            else:
                await asyncio.sleep(WATCH_SECONDS)
            for feed in feeds:
                if feed.failed.done():
                    feed.failed.result()
                await self._check_progress(feed)

    async def _check_progress(self, feed: _Feed) -> None:
        now = asyncio.get_running_loop().time()
        if feed.waiting or not await self._behind(feed):
            feed.progress_at = now
        elif now - feed.progress_at > STALLED_SECONDS:
            raise Stalled(feed.takes.name)

    async def _behind(self, feed: _Feed) -> bool:
        """Whether there is something to read (or no partition to read from) while Kafka answers."""
        consumer = feed.subscriber.consumer
        if consumer is None:
            return True
        assigned = consumer.assignment()
        try:
            async with asyncio.timeout(5):
                if not assigned:
                    await consumer.topics()
                    self.state = "consuming"
                    return True
                ends = await consumer.end_offsets(list(assigned))
                positions = {
                    partition: await consumer.position(partition) for partition in assigned
                }
        except (KafkaError, TimeoutError, OSError):
            self.state = "kafka_away"
            return False
        self.state = "consuming"
        return any(ends[partition] > positions[partition] for partition in assigned)


class _StartWhereStored(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """On assignment: start at the smaller of the offset stored with our data and the committed one."""

    def __init__(
        self,
        pool: Pool,
        subscription: str,
        consumer: Callable[[], object],
    ) -> None:
        self._pool, self._subscription, self._consumer = pool, subscription, consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to hand over: the partition's lock is taken per transaction."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A database that never took anything in starts at the beginning, whatever Kafka remembers."""
        consumer = self._consumer()
        stored = await self._stored()
        for partition in assigned:
            committed = await consumer.committed(partition)  # type: ignore[attr-defined]  # AIOKafkaConsumer
            following = stored.get((partition.topic, partition.partition))
            if following is None:
                if committed:
                    await consumer.seek_to_beginning(partition)  # type: ignore[attr-defined]  # likewise
            elif committed is None or following < committed:
                consumer.seek(partition, following)  # type: ignore[attr-defined]  # likewise

    async def _stored(self) -> dict[tuple[str, int], int]:
        attempt = 0
        while True:
            try:
                rows = await self._pool.fetch(
                    "select topic, partition, next from offsets where subscription = $1",
                    self._subscription,
                )
            except Exception as error:
                if not is_world_away(error):
                    raise
                await asyncio.sleep(backoff(attempt, first=0.2, most=BACKOFF_SECONDS_MAX))
                attempt += 1
            else:
                return {(row["topic"], row["partition"]): row["next"] for row in rows}
