"""P3: each fact changes each consumer at most once, and marks stand at what was taken in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.evidence import COMPACTED, Evidence, Happening, Violation


def check(evidence: Evidence) -> Iterator[Violation]:
    """By what events say caused them, and by the marks."""
    for service, streams in evidence.streams.items():
        for events in streams.values():
            by_cause: dict[str, list[Happening]] = defaultdict(list)
            for each in events:
                if each.cause in evidence.facts_by_id and each.about["actor"] in evidence.services:
                    by_cause[each.cause or ""].append(each)
            for same in by_cause.values():
                if _twice(same):
                    yield Violation("P3", "a fact changed it twice", f"{service} {same[-1]}")
    if evidence.quiet:
        yield from _marks(evidence)


def _twice(same: Sequence[Happening]) -> bool:
    """One reaction is one append: neighbours, of one instant, no two alike."""
    first, last = same[0].event, same[-1].event
    apart = last.version - first.version != len(same) - 1
    two_instants = len({each.about["occurred_at"] for each in same}) > 1
    alike = len({(each.type, each.event.body) for each in same}) < len(same)
    return apart or two_instants or alike


def _marks(evidence: Evidence) -> Iterator[Violation]:
    """The highest number on the topic, with the id of that fact; less only where the stream is blocked."""
    for name, reader in evidence.world.readers.items():
        state = evidence.services[reader.service]
        blocked = {(row.place[0], row.stream) for row in state.blocked if row.subscription == name}
        for (topic, stream), records in evidence.facts.items():
            if topic in COMPACTED or topic not in reader.topics:
                continue
            highest = max(records, key=lambda each: each.sequence)
            mark = state.marks.get((name, topic, stream))
            taken = mark.sequence if mark else 0
            where = f"{name} {topic} {stream}"
            if taken > highest.sequence:
                yield Violation("P3", f"mark {taken}, but {highest.sequence} were said", where)
            if taken < highest.sequence and (topic, stream) not in blocked:
                yield Violation("P3", f"mark {taken} of {highest.sequence}, not blocked", where)
            if mark and taken == highest.sequence and str(mark.fact_id) != highest.fact_id:
                yield Violation("P3", "the mark has another fact's id", where)
