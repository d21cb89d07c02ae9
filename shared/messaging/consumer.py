"""A subscription at work: FastStream hands over batches, the database decides, then the offset is committed.

Promises P5 and P12: while the world is away the same batch is tried again in place; a consumer that makes no progress
though there is something to read ends the process, and the supervisor starts a fresh one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.event_sourcing.database import Pool, is_world_away
from shared.messaging import broker as options
from shared.messaging import topics_admin
from shared.messaging.blocked import Received, receive
from shared.messaging.marks import noted_topics
from shared.messaging.placing import StartWhereStored
from shared.messaging.reading import RecordReader
from shared.messaging.taking import OurCodeFails
from shared.messaging.topic_ids import topic_ids
from shared.operations.backoff import backoff
from shared.operations.kill_points import reached

STALLED_SECONDS = 25.0
"""Longer than a dead member holds up its group (10 s); with a restart, all is read again within a minute."""
WATCH_SECONDS = 5.0
ANSWER_SECONDS_MAX = 5.0
COMMIT_SECONDS_MAX = 10.0
START_SECONDS_MAX = 40.0
"""Each group is joined in turn; a dead member holds it up for 10 s."""
STOP_SECONDS_MAX = 5.0
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


class TopicMadeAgain(Exception):  # noqa: N818 - what happened, for the log
    """Another topic has the name of one that is being read: it is read from its beginning, by new consumers."""


@dataclass(slots=True)
class _Feed:
    """One subscription on its consumer."""

    takes: Takes
    subscriber: BatchSubscriber
    progress_at: float = 0.0
    reached: int = 0
    waiting: bool = False
    uncommitted: dict[TopicPartition, int] = field(default_factory=dict)
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)
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
        """Until cancelled. Kafka away while starting: start over, the service accepts meanwhile.

        Raises TopicsWrong or Stalled, which end the process.
        """
        attempt = 0
        while True:
            try:
                await self._run()
            except (KafkaError, OSError, TimeoutError) as error:
                self.state = "kafka_away"
                log.warning("consumer_waits_for_kafka", error=type(error).__name__)
                await asyncio.sleep(backoff(attempt, first=0.2, most=BACKOFF_SECONDS_MAX))
                attempt += 1
            except TopicMadeAgain as error:
                log.warning("consumer_starts_over", topic=str(error))

    async def _run(self) -> None:
        await self._check_topics()
        broker = options.make_broker(self._bootstrap, self._service)
        feeds = [self._feed(broker, takes) for takes in self._subscriptions]
        for takes in self._subscriptions:
            await self._patiently(takes.name, takes.sweep)
        try:
            await options.connect(broker)
            async with asyncio.timeout(START_SECONDS_MAX):
                await broker.start()
            self.state = "consuming"
            await self._watch(feeds)
        finally:
            self.state = "stopped"
            await self._stop(broker)

    async def _stop(self, broker: KafkaBroker) -> None:
        """A closing consumer waits for our listener, which may wait for a coordinator that nobody looks for any more.

        Raises Stalled then: what is left of the old consumers ends with the process.
        """
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await broker.stop()
        except TimeoutError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise Stalled("a consumer that does not stop") from error

    async def _check_topics(self) -> None:
        problems = await topics_admin.check(self._bootstrap, self._topics)
        if problems:
            raise TopicsWrong("; ".join(map(str, problems)))

    def _feed(self, broker: KafkaBroker, takes: Takes) -> _Feed:
        async def handle(records: options.Records) -> None:
            await self._take(feed, records)

        def consumer() -> RecordReader:
            reader = feed.subscriber.consumer
            assert isinstance(reader, RecordReader)  # noqa: S101 - `connect` sees to it
            return reader

        listener = StartWhereStored(
            self._pool, takes.name, consumer, lambda error: _fail(feed.failed, error)
        )
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
            _fail(feed.failed, error)
            await asyncio.Event().wait()  # the process is about to end; read nothing more

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

    async def _commit(self, feed: _Feed, records: Sequence[ConsumerRecord]) -> None:
        """Explicit offsets. A commit that fails is passed over, because the marks find the duplicates, and made up for.

        Otherwise tools would show a lag until the next record comes by.
        """
        for record in records:
            feed.uncommitted[TopicPartition(record.topic, record.partition)] = record.offset + 1
        async with feed.committing:
            await self._commit_all(feed)

    async def _commit_all(self, feed: _Feed) -> None:
        consumer = feed.subscriber.consumer
        if consumer is None:
            return
        ours = consumer.assignment()
        following = {place: at for place, at in feed.uncommitted.items() if place in ours}
        feed.uncommitted = {}
        if not following:
            return
        try:
            reached("before_offset_commit")
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                await consumer.commit(following)
            reached("after_offset_commit")
        except (KafkaError, TimeoutError, OSError) as error:
            feed.uncommitted = following | feed.uncommitted
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
                if feed.uncommitted and not feed.committing.locked():
                    await self._commit(feed, ())
                await self._check_progress(feed)
                await self._check_topic_ids(feed)

    async def _check_progress(self, feed: _Feed) -> None:
        now = asyncio.get_running_loop().time()
        behind, reached = await self._behind(feed)
        if feed.waiting or not behind or reached != feed.reached:
            feed.progress_at, feed.reached = now, reached
        elif now - feed.progress_at > STALLED_SECONDS:
            raise Stalled(feed.takes.name)

    async def _check_topic_ids(self, feed: _Feed) -> None:
        """Kafka does not say when a topic is deleted and made again: positions go on to count in another one."""
        consumer = feed.subscriber.consumer
        if not isinstance(consumer, RecordReader) or self.state != "consuming":
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX), self._pool.acquire() as connection:
                noted = await noted_topics(connection, feed.takes.name)
                ids = await topic_ids(consumer.client)
        except (KafkaError, TimeoutError, OSError):
            return
        except Exception as error:
            if not is_world_away(error):
                raise
            return
        for topic, topic_id in noted.items():
            if ids.get(topic, topic_id) != topic_id:
                raise TopicMadeAgain(topic)

    async def _behind(self, feed: _Feed) -> tuple[bool, int]:
        """Whether there is something to read while Kafka answers, and how far reading has come.

        Without partitions, as a standby is, by how far the group has come.
        """
        consumer = feed.subscriber.consumer
        if consumer is None:
            return True, 0
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                known = await consumer.topics()
        except (KafkaError, TimeoutError, OSError):
            self.state = "kafka_away"
            return False, 0
        self.state = "consuming"
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                places = [
                    TopicPartition(topic, partition)
                    for topic in set(feed.takes.topics) & known
                    for partition in consumer.partitions_for_topic(topic) or ()
                ]
                return await _lag(consumer, list(consumer.assignment()) or places)
        except (KafkaError, TimeoutError, OSError):  # it answers others, but not this consumer
            return True, feed.reached


async def _lag(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> tuple[bool, int]:
    ends = await consumer.end_offsets(places)
    assigned = consumer.assignment()
    reached = {
        place: await (consumer.position(place) if place in assigned else consumer.committed(place))
        or 0
        for place in places
    }
    return any(ends[place] > reached[place] for place in places), sum(reached.values())


def _fail(failed: asyncio.Future[None], error: BaseException) -> None:
    if not failed.done():
        failed.set_exception(error)
