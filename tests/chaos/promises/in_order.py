"""P4: on a topic each stream appears as 1, 2, 3 …, and no consumer applies n+1 before n."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Violation


def check(evidence: Evidence) -> Iterator[Violation]:
    """First appearances by partition and offset; applications by the versions of the consumers' events."""
    for (topic, stream), records in evidence.facts.items():
        where, seen = f"{topic} {stream}", 0
        if len({each.place[1] for each in records}) > 1:
            yield Violation("P4", "one stream in two partitions", where)
        for each in records:
            if each.sequence > seen + 1:
                yield Violation("P4", f"{each.sequence} appears after {seen}", where)
            seen = max(seen, each.sequence)
    for service, streams in evidence.streams.items():
        for stream, events in streams.items():
            applied: dict[tuple[str, str], int] = {}
            for event in events:
                copies = evidence.facts_by_id.get(event.cause or "")
                if not copies or event.about["actor"] not in evidence.services:
                    continue
                source, number = copies[0].stream, copies[0].sequence
                if number < applied.get(source, 0):
                    what = f"{number} of {source} applied after {applied[source]}"
                    yield Violation("P4", what, f"{service} {stream} v{event.event.version}")
                applied[source] = max(number, applied.get(source, 0))
