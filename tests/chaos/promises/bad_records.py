"""P5: what was put on a topic to do harm has an outcome with every reader: it is kept, or one can say why it need not.

Kept is what stands in `blocked` or `discarded`. Nothing need be kept of what was read and taken in, of a type that
nobody knows yet, of what stands under a number that another record says too (a duplicate, or replaced by it), or of a
dead letter copied back whose original is kept.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.messaging.blocked import Received, read
from tests.chaos.evidence import Evidence, Violation
from tests.chaos.world import Place, ServiceState, TopicRecord

Number = tuple[str, str | None, int | None]
"""Topic, stream and number."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """Each with each reader of its topic, once all is read."""
    if not evidence.quiet or not evidence.world.poison:
        return
    numbers = _numbers(evidence)
    bad = [each for each in evidence.world.records if each.place in evidence.world.poison]
    received = [read(Received(each.place, each.key, each.value, each.headers)) for each in bad]
    said_twice = numbers + Counter(_number(each) for each in received if each.stream)
    for name, reader in evidence.world.readers.items():
        ends = _Ends(name, evidence.services[reader.service], said_twice)
        for record, about in zip(bad, received, strict=True):
            if record.place[0] in reader.topics and not ends.known(record, about):
                what = "a bad record was read, is not kept, and nothing excuses it"
                yield Violation("P5", what, f"{name} {record.place} {about.reason or ''}".rstrip())


def _numbers(evidence: Evidence) -> Counter[Number]:
    return Counter(
        (topic, stream, each.sequence)
        for (topic, stream), records in evidence.facts.items()
        for each in records
    )


def _number(received: Received) -> Number:
    return received.place[0], received.stream, received.sequence


@dataclass
class _Ends:
    """What became of records with one reader; `said`: how many records say a number."""

    name: str
    state: ServiceState
    said: Mapping[Number, int]

    @cached_property
    def _kept(self) -> frozenset[Place | Number]:
        rows = (*self.state.blocked, *self.state.discarded)
        mine = [row for row in rows if row.subscription == self.name]
        numbers = [(row.place[0], row.stream, row.sequence) for row in mine if row.stream]
        return frozenset([*(row.place for row in mine), *numbers])

    def known(self, record: TopicRecord, about: Received) -> bool:
        """Kept, or excused."""
        if record.place in self._kept or _original(record) in self._kept:
            return True
        if about.stream is None or about.sequence is None:
            return False
        if _number(about) in self._kept:
            return True
        mark = self.state.marks.get((self.name, record.place[0], about.stream))
        passed = mark is not None and mark.sequence >= about.sequence
        return passed and (about.reason is None or self.said[_number(about)] > 1)


def _original(record: TopicRecord) -> Place | None:
    """Where the record lay that this dead letter is a copy of."""
    headers = dict(record.headers)
    offset = headers.get("kafka_dlt-original-offset")
    partition = headers.get("kafka_dlt-original-partition")
    if offset is None or partition is None:
        return None
    return record.place[0], int.from_bytes(partition, "big"), int.from_bytes(offset, "big")
