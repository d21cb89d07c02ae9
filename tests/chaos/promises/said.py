"""P2: every fact is on its topic with the id, number and bytes that stand beside its event; nothing else is."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, FactRecord, Happening, Violation, topic_of


def check(evidence: Evidence) -> Iterator[Violation]:
    """What was stored was said, and what was said was stored."""
    for service, streams in evidence.streams.items():
        for events in streams.values():
            published = 0
            for each in events:
                published += each.event.fact is not None
                if each.event.published != published:
                    yield Violation("P2", "the count of facts is wrong", f"{service} {each}")
                if each.event.fact_type:
                    yield from _said(evidence, service, each)
    yield from _phantoms(evidence)


def _said(evidence: Evidence, service: str, happened: Happening) -> Iterator[Violation]:
    event, where = happened.event, f"{service} {happened}"
    copies = evidence.facts_by_id.get(str(event.event_id), ())
    if not copies and (evidence.quiet or not evidence.services[service].outbox):
        yield Violation("P2", "never said", where)
    topic = topic_of(service, event.fact_type or "")
    for copy in copies:
        if copy.sequence != event.published or copy.stream != (topic, event.stream_id):
            yield Violation("P2", f"said with another number or place: {copy.place}", where)
        if copy.record.value != event.fact:
            yield Violation("P2", f"said with other bytes: {copy.place}", where)


def _phantoms(evidence: Evidence) -> Iterator[Violation]:
    stored = {
        str(each.event.event_id)
        for streams in evidence.streams.values()
        for events in streams.values()
        for each in events
        if each.event.fact is not None
    }
    for fact_id, copies in evidence.facts_by_id.items():
        if fact_id not in stored:
            yield Violation("P2", "said, but in no stream", _where(copies[0]))


def _where(copy: FactRecord) -> str:
    return f"{copy.place} of {copy.source}"
