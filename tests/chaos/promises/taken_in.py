"""P5: a fact that was taken in did what it had to do; a mark that moved without its events lost it.

Only facts that must leave a trace are here, with the events that excuse one that left none.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tests.chaos.evidence import Evidence, FactRecord, Violation

Excuses = tuple[str, ...]

ENDED: Excuses = ("ConfirmationRuledOut",)
TRACES: Mapping[str, Mapping[str, Excuses]] = {
    "request_submitted": {"review": ("CaseDropped",)},
    "request_resubmitted": {"review": ("CaseDropped",)},
    "request_withdrawn": {"review": (), "provisioning": (), "notifier": ()},
    "request_set_aside": {"review": (), "provisioning": (), "notifier": ()},
    "request_reviewed": {"intake": ("RequestClosed",)},
    "account_activated": {"intake": (), "notifier": ENDED},
    "administrator_replaced": {"intake": (), "notifier": ENDED},
    "account_activation_failed": {"intake": (), "notifier": ENDED},
    "confirmation_sent": {"intake": ("RequestClosed",)},
    "deadline_set": {"notifier": ()},
    "deadline_breached": {"notifier": ()},
}
APPROVED: Mapping[str, Excuses] = {"provisioning": ("RequestDropped",)}
NOT_APPROVED: Mapping[str, Excuses] = {"notifier": ENDED}


def check(evidence: Evidence) -> Iterator[Violation]:
    """Every fact on the topics, once all is read."""
    if not evidence.quiet:
        return
    traces = {
        (service, stream, each.cause)
        for service, streams in evidence.streams.items()
        for stream, events in streams.items()
        for each in events
    }
    forged = _forged(evidence)
    for fact, content in _facts(evidence):
        for service, excuses in _wanted(fact, content).items():
            stream = _stream(service, content)
            ids = (fact.fact_id, *forged[fact.stream])
            if any((service, stream, each) in traces for each in ids) or not _taken(
                evidence, service, fact
            ):
                continue
            if not _excused(evidence, service, stream, content, excuses):
                what = f"{_type(fact)} was taken in and changed nothing"
                yield Violation("P5", what, f"{service} {stream} {fact.place}")


def _forged(evidence: Evidence) -> Mapping[tuple[str, str], Sequence[str]]:
    """Ids of what was put on a stream to do harm: what such a fact has caused, the real ones need not cause again."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in evidence.world.records:
        if record.place in evidence.world.poison:
            stream = record.place[0], (record.key or b"").decode("utf-8", "replace")
            found[stream].append(
                (dict(record.headers).get("ce_id") or b"").decode("utf-8", "replace")
            )
    return found


def _facts(evidence: Evidence) -> Iterator[tuple[FactRecord, Mapping[str, Any]]]:
    """Each as its event has it: that the topic has the same bytes is another promise's business."""
    for streams in evidence.streams.values():
        for events in streams.values():
            for each in events:
                copies = evidence.facts_by_id.get(str(each.event.event_id))
                content = orjson.loads(each.event.fact or b"null")
                if copies and isinstance(content, dict):
                    yield copies[0], content


def _type(fact: FactRecord) -> str:
    """`request_submitted` of `datacloud.request_submitted.v1`."""
    said = dict(fact.record.headers).get("ce_type") or b""
    return said.decode().removeprefix("datacloud.").partition(".")[0]


def _wanted(fact: FactRecord, content: Mapping[str, Any]) -> Mapping[str, Excuses]:
    fact_type = _type(fact)
    wanted = TRACES.get(fact_type, {})
    if fact_type == "request_reviewed":
        return {**wanted, **(APPROVED if content["outcome"] == "approved" else NOT_APPROVED)}
    if fact_type == "deadline_set" and "request_id" in content["subject"]:
        return {**wanted, "review": ("CaseDropped",)}
    return wanted


def _stream(service: str, content: Mapping[str, Any]) -> str:
    """The stream that the reaction names."""
    about = content.get("subject", content)
    if service == "provisioning":
        return str(about["agency_code"])
    return str(about.get("request_id") or about["complaint_id"])


def _taken(evidence: Evidence, service: str, fact: FactRecord) -> bool:
    """By a subscription of that service; one that it has not reached yet is another promise's business."""
    topic, stream = fact.stream
    marks = evidence.services[service].marks if service in evidence.services else {}
    readers = [n for n, r in evidence.world.readers.items() if r.service == service]
    found = [marks.get((name, topic, stream)) for name in readers]
    return any(mark is not None and mark.sequence >= fact.sequence for mark in found)


def _excused(
    evidence: Evidence, service: str, stream: str, content: Mapping[str, Any], excuses: Excuses
) -> bool:
    """Of an agency's stream only what is about this request counts."""
    for each in evidence.of(service, stream):
        about = (
            each.body.get("subject", {}).get("request_id") if service == "provisioning" else None
        )
        if each.type in excuses and about in (None, content.get("request_id")):
            return True
    return False
