"""Every Kafka option that matters, once: the libraries' defaults lose, reorder or hang."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.messaging.reading import RecordReader

Records = tuple[ConsumerRecord, ...]

BATCH_BYTES_MAX = 1024 * 1024
REQUEST_TIMEOUT_MS = 10_000
POLL_MS = 10
RECORDS_PER_BATCH_MAX = 500
AN_HOUR_MS = 3_600_000


def make_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """All replicas acknowledge; no idempotence, because aiokafka's never expires a batch and can wedge for good."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=False,
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=4 * BATCH_BYTES_MAX,
        linger_ms=0,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def make_broker(bootstrap: str, client_id: str) -> KafkaBroker:
    """A FastStream broker that only consumes, creates no topic and prints nothing per message."""
    return KafkaBroker(
        bootstrap,
        client_id=client_id,
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
        graceful_timeout=3.0,  # a service has ten seconds to stop
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        description=None,
    )


async def connect(broker: KafkaBroker) -> None:
    """FastStream makes its consumers with a builder; ours makes consumers that no record can stop."""
    builder = await broker.connect()
    if not isinstance(builder, partial):
        raise TypeError(type(builder).__name__)
    broker.config.broker_config.builder = partial(RecordReader, **builder.keywords)


def subscribe(
    broker: KafkaBroker,
    topics: Sequence[str],
    group: str,
    handle: Callable[[Records], Awaitable[None]],
    listener: ConsumerRebalanceListener,
) -> BatchSubscriber:
    """Whole batches, offsets committed by us alone, read from the beginning by a new group, records untouched."""
    subscriber = broker.subscriber(
        *topics,
        group_id=group,
        batch=True,
        max_records=RECORDS_PER_BATCH_MAX,
        batch_timeout_ms=POLL_MS,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        max_poll_interval_ms=AN_HOUR_MS,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=3_000,
        rebalance_timeout_ms=30_000,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        listener=listener,
        parser=_untouched,
        decoder=_records,
    )
    subscriber(handle)
    if not isinstance(subscriber, BatchSubscriber):
        raise TypeError(type(subscriber).__name__)
    return subscriber


async def _untouched(message: Records) -> KafkaMessage:
    """FastStream's own parser raises on a null or non-UTF-8 header and the record would be skipped in silence."""
    return KafkaMessage(
        body=b"", raw_message=message, headers={}, consumer=FAKE_CONSUMER, reply_to="", message_id="", path={}
    )  # fmt: skip


async def _records(message: KafkaMessage) -> object:
    return message.raw_message
