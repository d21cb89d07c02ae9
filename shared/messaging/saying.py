"""An outbox row as the record it stands for: an event's fact, a person's or text's present data, a dead letter."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import orjson

from shared.event_sourcing.database import Connection
from shared.messaging import blocked, copied_back, envelope
from shared.messaging.blocked import Received
from shared.messaging.envelope import Header

VALUE_BYTES_MIRRORED_MAX = 512 * 1024
"""A larger one stays in its own topic: with all its headers it would not fit a producer's batch."""
_EXCEPTION = "org.springframework.kafka.listener.ListenerExecutionFailedException"


class Said(NamedTuple):
    """What goes to a topic; the partition is the key's own unless it is named."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    partition: int | None = None


async def dead_letters(
    connection: Connection, rows: Sequence[asyncpg.Record]
) -> Mapping[int, tuple[str, Received]]:
    """The blocked records that these outbox rows point to, as far as they still wait, with their group."""
    refs = [row["ref"] for row in rows if row["source"] == "blocked"]
    return await blocked.by_ids(connection, refs) if refs else {}


def said(
    service: str, row: asyncpg.Record, dead: Mapping[int, tuple[str, Received]]
) -> Said | None:
    """The record; None where nothing is left to say, because the blocked record has been taken in meanwhile."""
    if row["source"] == "event":
        return _fact(service, row)
    if row["source"] == "blocked":
        found = dead.get(row["ref"])
        return None if found is None else dead_letter(*found)
    return _personal(service, row)


def _fact(service: str, row: asyncpg.Record) -> Said:
    metadata = orjson.loads(row["metadata"])
    headers = envelope.headers(
        event_id=row["event_id"],
        source=service,
        ce_type=row["fact_type"],
        time=metadata["occurred_at"],
        subject=row["key"],
        sequence=row["published"],
        correlation_id=metadata["correlation_id"],
        causation_id=metadata["causation_id"],
        traceparent=metadata["traceparent"],
    )
    return Said(row["key"].encode(), row["fact"], headers)


def _personal(service: str, row: asyncpg.Record) -> Said:
    headers = envelope.headers(
        event_id=uuid4(),
        source=service,
        ce_type=f"datacloud.{row['source']}.v1",
        time=datetime.now(UTC),
        subject=row["key"],
        sequence=None,
        correlation_id=uuid4(),
        causation_id=None,
        traceparent=None,
    )
    key, value = row["key"].encode(), row["person"]
    if row["source"] == "text" and row["text"] is not None:
        text = {"text_id": row["key"], "person_id": row["text_of"], "body": row["text"]}
        value = orjson.dumps(text, default=str)  # asyncpg's UUID is a class of its own
    return Said(key, value, headers)


def dead_letter(group: str, record: Received) -> Said:
    """As Spring for Apache Kafka's DeadLetterPublishingRecoverer writes it, so that AKHQ and kafka-ui show it.

    The bytes and headers of the record are its own: copied back to its topic by any tool it is tried again,
    and where it fails again nothing changes (copied_back.py).
    """
    topic, partition, offset = record.place
    told = f"{record.reason}: {record.detail}" if record.detail else str(record.reason)
    value = record.value
    if value is not None and len(value) > VALUE_BYTES_MIRRORED_MAX:
        told, value = f"{told} (its {len(value)} bytes are in the topic only)", None
    about: list[Header] = [
        (copied_back.TOPIC, topic.encode()),
        (copied_back.PARTITION, partition.to_bytes(4, "big")),
        (copied_back.OFFSET, offset.to_bytes(8, "big", signed=True)),
        ("kafka_dlt-original-consumer-group", group.encode()),
        ("kafka_dlt-exception-fqcn", _EXCEPTION.encode()),
        ("kafka_dlt-exception-message", told.encode("utf-8", "replace")),
    ]
    return Said(record.key, value, [*copied_back.own(record.headers), *about], partition)
