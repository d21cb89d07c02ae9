"""Where a consumer begins to read when partitions are handed to it.

Promise P12: a database that was restored, offsets that were lost, a topic that was made again: each catches up by
itself.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from shared.event_sourcing.database import Connection, Pool, is_world_away
from shared.messaging.marks import forget_lost_tails, note_topics
from shared.messaging.reading import RecordReader
from shared.messaging.topic_ids import topic_ids
from shared.operations.backoff import backoff

TRIES_MAX = 6
BACKOFF_SECONDS_MAX = 10.0
COMMIT_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


class StartWhereStored(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """On assignment: start at the smaller of the offset stored with our data and the committed one.

    Where the log ends before that, its broker lost a tail: all is read again, and what was taken in is a duplicate.
    That it has grown past it meanwhile cannot be seen here: the relay of who said it sees that (relay.py).

    Nothing is read before that. aiokafka swallows what a listener raises, so it is told to whoever watches.
    """

    def __init__(
        self,
        pool: Pool,
        subscription: str,
        consumer: Callable[[], RecordReader],
        failed: Callable[[Exception], None],
    ) -> None:
        self._pool, self._subscription = pool, subscription
        self._consumer, self._failed = consumer, failed

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to hand over: the partition's lock is taken per transaction."""
        del revoked
        self._consumer().hold()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A database that never took anything in starts at the beginning, whatever Kafka remembers."""
        places, attempt = list(assigned), 0
        while True:
            try:
                await self._place(places)
            except Exception as error:  # noqa: BLE001 - told to whoever watches, or tried again
                away = isinstance(error, KafkaError) or is_world_away(error)
                if not away or attempt >= TRIES_MAX:
                    self._failed(error)
                    return
                await asyncio.sleep(backoff(attempt, first=0.2, most=BACKOFF_SECONDS_MAX))
                attempt += 1
            else:
                self._consumer().go_on()
                return

    async def _place(self, places: Sequence[TopicPartition]) -> None:
        consumer, names = self._consumer(), {place.topic for place in places}
        ids = await topic_ids(consumer.client)
        async with self._pool.acquire() as connection:
            known = {name: ids[name] for name in names & ids.keys()}
            for topic in await note_topics(connection, self._subscription, known):
                log.warning("topic_made_again", subscription=self._subscription, topic=topic)
            if places:
                await self._forget_lost_tails(connection, places)
        rows = await self._pool.fetch(
            "select topic, partition, next from offsets where subscription = $1",
            self._subscription,
        )
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        forgotten: dict[TopicPartition, int] = {}
        for place in places:
            # Even where it stands already: a read that was under way when the partitions changed hands may have
            # gone past records, and RecordReader gave them to nobody.
            committed = await consumer.committed(place)
            following = stored.get((place.topic, place.partition))
            if following is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, following if committed is None else min(following, committed))
                if committed is None:
                    forgotten[place] = following
        await self._remind(forgotten)

    async def _remind(self, forgotten: Mapping[TopicPartition, int]) -> None:
        """Let the group know what only the database does, or tools show a lag until the next record comes by.

        Whoever dies between the two at a partition's very first records leaves it so. Failing to is no reason to stop.
        """
        if forgotten:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(COMMIT_SECONDS_MAX):
                    await self._consumer().commit(dict(forgotten))

    async def _forget_lost_tails(
        self, connection: Connection, places: Sequence[TopicPartition]
    ) -> None:
        found = await self._consumer().end_offsets(list(places))
        ends = {(place.topic, place.partition): end for place, end in found.items()}
        for topic, partition in await forget_lost_tails(connection, self._subscription, ends):
            log.error(
                "log_lost_its_tail",
                subscription=self._subscription,
                topic=topic,
                partition=partition,
                ends_at=ends[topic, partition],
            )
