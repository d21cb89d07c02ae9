"""P5: every record has one outcome; what waits is explained; when all is quiet nothing is left to say or to read."""

from collections import defaultdict
from collections.abc import Iterator

from shared.contracts.topics import dead_letters_of
from tests.chaos.evidence import OF_FACTS, Evidence, Violation

OUTCOMES = ("applied", "duplicate", "ignored", "unknown_type", "refused", "held", "parked")


def check(evidence: Evidence) -> Iterator[Violation]:
    """Counters, blocked rows, outboxes, and how far each subscription has read."""
    for name, reader in evidence.world.readers.items():
        if reader.counts is not None:
            received = reader.counts.get("received", 0)
            outcomes = sum(reader.counts.get(each, 0) for each in OUTCOMES)
            if received != outcomes:
                yield Violation("P5", f"{received} received, {outcomes} outcomes", name)
    yield from _blocked(evidence)
    if evidence.quiet:
        for service in evidence.services.values():
            if service.outbox:
                yield Violation("P5", f"{service.outbox} rows left in the outbox", service.name)
        yield from _read_to_the_end(evidence)
        yield from _mirrored(evidence)


def _blocked(evidence: Evidence) -> Iterator[Violation]:
    """Only poison is parked; only what comes after something parked, or after what was not read yet, is held."""
    poison = evidence.world.poison
    for service in evidence.services.values():
        parked = {
            (row.subscription, row.place[0], row.stream) for row in service.blocked if row.reason
        }
        for row in service.blocked:
            where = f"{row.subscription} {row.place}"
            if row.reason and row.place not in poison:
                yield Violation("P5", f"parked without poison: {row.reason}", where)
            held = row.reason is None
            behind = (row.subscription, row.place[0], row.stream) in parked
            if held and evidence.quiet and not behind and row.place not in poison:
                yield Violation("P5", "held though nothing before it is parked", where)


def _read_to_the_end(evidence: Evidence) -> Iterator[Violation]:
    ends: dict[tuple[str, int], int] = defaultdict(int)
    for record in evidence.world.records:
        topic, partition, offset = record.place
        ends[topic, partition] = max(ends[topic, partition], offset + 1)
    for name, reader in evidence.world.readers.items():
        offsets = evidence.services[reader.service].offsets
        for (topic, partition), end in ends.items():
            if topic in reader.topics and offsets.get((name, topic, partition), 0) < end:
                reached = offsets.get((name, topic, partition), 0)
                yield Violation("P5", f"read to {reached} of {end}", f"{name} {topic} {partition}")


def _mirrored(evidence: Evidence) -> Iterator[Violation]:
    """What is parked in a stream of facts, or loose, can be seen on its dead-letter topic."""
    letters = {
        (record.place[0], dict(record.headers).get("kafka_dlt-original-offset"))
        for record in evidence.world.records
    }
    for service in evidence.services.values():
        for row in service.blocked:
            topic, _, offset = row.place
            if row.reason is None or topic not in OF_FACTS:
                continue
            mirrored = (dead_letters_of(topic, row.subscription), offset.to_bytes(8, "big"))
            if mirrored not in letters:
                where = f"{row.subscription} {row.place}"
                yield Violation("P5", "parked, but on no dead-letter topic", where)
