"""P7: each deadline ends exactly once, never early, at the legal instant; nothing due is left unfired."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from shared.service_standard.standard import load_standard
from shared.working_time.calendar import WorkingCalendar
from shared.working_time.days import local_date, midnight_after
from tests.chaos.evidence import Evidence, Happening, Violation

ENDS = {
    "DeadlineStopped": "stopped",
    "DeadlineBreached": "breached",
    "DeadlineBreachRevoked": "revoked",
    "DeadlineMoved": "moved",
}
ALLOWED = ((), ("stopped",), ("breached",), ("breached", "revoked"))
RECEIVED = ("RequestSubmitted", "RequestResubmitted", "ComplaintFiled")
FIRED_WITHIN = timedelta(seconds=5)
"""The lease of a scheduler that was killed."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """Every stream that has a clock, and the work that is left."""
    for service, streams in evidence.streams.items():
        for stream, events in streams.items():
            if any(each.type == "DeadlineSet" for each in events):
                yield from _stream(evidence, service, stream, events)
        if evidence.quiet:
            state = evidence.services[service]
            for row in state.scheduled:
                if row.due_at + FIRED_WITHIN < state.now:
                    yield Violation("P7", f"due since {row.due_at}, not done", f"{service} {row}")


def _stream(
    evidence: Evidence, service: str, stream: str, events: Sequence[Happening]
) -> Iterator[Violation]:
    ends: dict[int, list[Happening]] = defaultdict(list)
    clocks: dict[int, Happening] = {}
    received_at = None
    for each in events:
        if each.type in RECEIVED:
            received_at = each.instant("received_at")
        if each.type == "DeadlineSet":
            clocks[each.body["cycle"]] = each
            yield from _legal(service, each, events[0], received_at)
        elif each.type in ENDS:
            ends[each.body["cycle"]].append(each)
            if each.body["cycle"] not in clocks:
                yield Violation("P7", "a clock ended that was never set", f"{service} {each}")
    for cycle, clock in clocks.items():
        yield from _one_end(service, clock, ends[cycle])
        open_ = not any(ENDS[each.type] != "moved" for each in ends[cycle])
        if open_ and (cycle < max(clocks) or any(e.type == "RequestClosed" for e in events)):
            yield Violation("P7", "its clock never ended", f"{service} {stream} cycle {cycle}")
        yield from _entry(evidence, service, clock, open_=open_)


def _legal(
    service: str, clock: Happening, first: Happening, received_at: datetime | None
) -> Iterator[Violation]:
    """The date of receipt never counts; breached at the midnight that ends the due date."""
    where = f"{service} {clock}"
    due_on, breach_at = date.fromisoformat(clock.body["due_on"]), clock.instant("breach_at")
    if received_at is None or due_on <= local_date(received_at):
        yield Violation("P7", "due on the day of receipt or before it", where)
    elif breach_at != midnight_after(due_on):
        yield Violation("P7", "the breach instant is not the midnight after the due date", where)
    elif clock.body["calendar_version"] == 1:
        standard = load_standard()
        limit = standard.request_limit
        if first.type == "ComplaintFiled":
            category = first.body["category"]
            shortest = standard.shortest_complaint_limit
            limit = standard.complaint_limits[category] if category else shortest
        if WorkingCalendar.bundled().due(received_at, limit).due_on != due_on:
            yield Violation("P7", "the calendar says another due date", where)


def _one_end(service: str, clock: Happening, ends: Sequence[Happening]) -> Iterator[Violation]:
    breach_at = clock.instant("breach_at")
    kinds = tuple(ENDS[each.type] for each in ends if ENDS[each.type] != "moved")
    if kinds not in ALLOWED:
        yield Violation("P7", f"ended as {kinds}", f"{service} {clock}")
    for each in ends:
        where = f"{service} {each}"
        if each.type == "DeadlineBreached":
            if each.instant("breach_at") != breach_at:
                yield Violation("P7", "breached at another instant than the legal one", where)
            recorded_at = each.event.recorded_at
            if recorded_at is not None and recorded_at < breach_at:
                yield Violation("P7", f"breached early, at {recorded_at}", where)
            told_at = datetime.fromisoformat(each.about["occurred_at"])
            if each.about["actor"] == "clock" and told_at != breach_at:
                yield Violation("P7", f"fired as of {told_at}, not as of its instant", where)
        elif each.instant("stopped_at") >= breach_at:
            yield Violation("P7", "stopped at or after the breach instant", where)


def _entry(
    evidence: Evidence, service: str, clock: Happening, *, open_: bool
) -> Iterator[Violation]:
    """A running clock has its entry at its instant; one that ended has none."""
    state, breach_at = evidence.services[service], clock.instant("breach_at")
    entries = [
        row
        for row in state.scheduled
        if row.stream_id == clock.event.stream_id and row.kind == "deadline"
        and row.name.endswith(f":{clock.body['cycle']}")
    ]  # fmt: skip
    if open_ and [row.due_at for row in entries] != [breach_at]:
        yield Violation("P7", "a running clock without its entry", f"{service} {clock}")
    if not open_ and entries:
        yield Violation("P7", "an ended clock with an entry", f"{service} {clock}")
