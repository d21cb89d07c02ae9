"""Read facts from the topics as any stranger would: all of one registration number, in the order they happened."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.topics import TOPICS
from shared.working_time.days import LOCAL

FACT_TOPICS = tuple(topic.name for topic in TOPICS if not topic.compacted)
SEQUENCE_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Line:
    """A fact as a reader of the topic sees it, its time on the clock of the office."""

    time: datetime
    topic: str
    type: str
    subject: str
    sequence: int
    correlation_id: str
    value: dict[str, object]


async def facts_of(bootstrap: str, registration_number: str) -> list[Line]:
    """Every fact that repeats this number, by its own time and then its place in the stream."""
    needle = json.dumps(registration_number).encode()
    lines = [
        line(record)
        async for record in everything(bootstrap, FACT_TOPICS)
        if record.value is not None and needle in record.value
    ]
    return sorted(lines, key=lambda each: (each.time, each.topic, each.sequence))


async def everything(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[ConsumerRecord]:
    """All records from the beginning to where the topics end now; no group, nothing committed."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        partitions = []
        for topic in topics:
            found = consumer.partitions_for_topic(topic) or await _partitions(consumer, topic)
            partitions += [TopicPartition(topic, number) for number in found]
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        left = {place for place in partitions if ends[place] > begins[place]}
        if left:
            consumer.assign(list(left))
        while left:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    if record.offset < ends[place]:
                        yield record
            for place in list(left):
                if await consumer.position(place) >= ends[place]:
                    left.discard(place)
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()  # noqa: SLF001 - aiokafka offers no other way without a subscription
    return consumer.partitions_for_topic(topic) or set()


def line(record: ConsumerRecord) -> Line:
    """A record as a line; what cannot be read is shown as empty."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    sequence = headers.get("ce_sequence", "")
    return Line(
        _time(headers.get("ce_time", ""), record),
        record.topic,
        headers.get("ce_type", ""),
        headers.get("ce_subject", ""),
        int(sequence) if sequence.isdecimal() and len(sequence) <= SEQUENCE_DIGITS_MAX else 0,
        headers.get("ce_correlationid", ""),
        _value(record.value),
    )


def _time(told: str, record: ConsumerRecord) -> datetime:
    """The producer's, if it is an instant that can be shown here; else the broker's."""
    try:
        time = datetime.fromisoformat(told)
        if time.utcoffset() is not None:
            return time.astimezone(LOCAL)
    except (ValueError, OverflowError):
        pass
    return datetime.fromtimestamp(record.timestamp / 1000, LOCAL)


def _value(value: bytes | None) -> dict[str, object]:
    try:
        content = json.loads(value or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
