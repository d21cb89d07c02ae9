"""P1: what was answered is in the stream, once per key; registers have neither holes nor doubles."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.chaos.drivers.everybody import ACTS, FILED
from tests.chaos.evidence import Evidence, Happening, Violation
from tests.chaos.history import Operation, operations

ALREADY_OURS = ("already_submitted", "already_filed")
"""The stream is named by the key: whoever asks again must get the first answer."""
AT_MOST_ONE = ("RequestWithdrawn", "RequestSetAside")
"""Asked twice by two people, the first answer stands for both."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """Every answer in its stream, every stream asked for, every number once."""
    done = operations(evidence.world.history)
    for operation in done:
        yield from _same_answers(operation)
        if operation.operation in FILED:
            yield from _filed(evidence, operation)
        elif operation.operation not in ACTS:
            yield Violation("P1", f"unknown operation {operation.operation}", operation.key)
    yield from _acts(evidence, done)
    yield from _phantoms(evidence, done)
    yield from _keys_used_once(evidence)
    yield from _registers(evidence)


def _same_answers(operation: Operation) -> Iterator[Violation]:
    where = f"{operation.operation} {operation.key}"
    if any(answer != operation.answers[0] for answer in operation.answers):
        yield Violation("P1", "one key, two answers", where)
    if operation.answers and operation.refusals:
        yield Violation("P1", f"answered and refused: {operation.refusals}", where)
    for refusal in operation.refusals:
        if refusal.get("code") in ALREADY_OURS:
            yield Violation("P1", f"a repeated key is refused: {refusal}", where)


def _filed(evidence: Evidence, operation: Operation) -> Iterator[Violation]:
    service, name, event_type = FILED[operation.operation]
    for answer in operation.answers[:1]:
        events = evidence.of(service, answer[name])
        where = f"{service} {answer[name]}"
        if not events or events[0].type != event_type:
            yield Violation("P1", "answered, but not in the stream", where)
            continue
        if events[0].body["registration_number"] != answer["registration_number"]:
            yield Violation("P1", "answered with another number than the stream's", where)
        due = next((each for each in events if each.type == "DeadlineSet"), None)
        if due is None or due.body["due_on"] != answer["due_on"]:
            yield Violation("P1", "answered with another due date than the stream's", where)


def _acts(evidence: Evidence, done: Sequence[Operation]) -> Iterator[Violation]:
    """As many happenings as answered keys, by request and, of decisions, by outcome."""
    answered: Counter[tuple[str, str, str]] = Counter()
    for each in done:
        if each.operation in ACTS and each.answers:
            outcome = str(each.asked.get("outcome", ""))
            answered[each.operation, each.asked["request_id"], outcome] += 1
    for (operation, request_id, outcome), count in answered.items():
        service, event_type = ACTS[operation]
        wanted = 1 if event_type in AT_MOST_ONE else count
        found = [
            each
            for each in evidence.of(service, request_id)
            if each.type == event_type and (not outcome or each.body["outcome"] == outcome)
        ]
        if len(found) < wanted:
            what = f"{operation} answered {count} times, in the stream {len(found)} times"
            yield Violation("P1", what, f"{service} {request_id}")


def _phantoms(evidence: Evidence, done: Sequence[Operation]) -> Iterator[Violation]:
    """No more streams than keys that were answered or may have been heard."""
    if not done:
        return
    for name, (service, _, event_type) in FILED.items():
        asked = [each for each in done if each.operation == name]
        heard = sum(1 for each in asked if each.answers or each.open)
        found = sum(1 for _ in evidence.all(service, event_type))
        if found > heard:
            yield Violation("P1", f"{found} streams of {heard} keys", f"{service} {event_type}")


def _keys_used_once(evidence: Evidence) -> Iterator[Violation]:
    """All events of one mark are one append: neighbours in one stream, of one instant."""
    for service, streams in evidence.streams.items():
        found: dict[str, list[Happening]] = defaultdict(list)
        for events in streams.values():
            for each in events:
                if mark := each.about.get("idempotency"):
                    found[mark["key"]].append(each)
        for events in found.values():
            first, last = events[0].event, events[-1].event
            one_stream = len({each.event.stream_id for each in events}) == 1
            neighbours = last.version - first.version == len(events) - 1
            one_instant = len({each.about["occurred_at"] for each in events}) == 1
            if not (one_stream and neighbours and one_instant):
                yield Violation("P1", "done twice for one key", f"{service} {events[-1]}")


def _registers(evidence: Evidence) -> Iterator[Violation]:
    for service, series, taken in _taken(evidence):
        by_year: dict[int, list[int]] = defaultdict(list)
        for year, number in taken:
            by_year[year].append(number)
        known = {
            year: last
            for (held, year), last in evidence.services[service].numbers.items()
            if held == series
        }
        for year in sorted(by_year.keys() | known.keys()):
            numbers, where = sorted(by_year[year]), f"{service} {series} {year}"
            if numbers != list(range(1, len(numbers) + 1)):
                yield Violation("P1", f"register with holes or doubles: {numbers}", where)
            if known.get(year, 0) != len(numbers):
                what = f"register stands at {known.get(year, 0)}, {len(numbers)} are taken"
                yield Violation("P1", what, where)


def _taken(evidence: Evidence) -> Iterator[tuple[str, str, list[tuple[int, int]]]]:
    read: Mapping[tuple[str, str, str], Callable[[Happening], tuple[int, int]]] = {
        ("intake", "requests", "RequestSubmitted"): _of_registration,
        ("complaints", "complaints", "ComplaintFiled"): _of_registration,
        ("notifier", "letters", "LetterNumbered"): _of_letter,
    }
    for (service, series, event_type), number in read.items():
        if service in evidence.services:
            yield service, series, [number(each) for each in evidence.all(service, event_type)]


def _of_registration(event: Happening) -> tuple[int, int]:
    _, year, number = event.body["registration_number"].split("-")
    return int(year), int(number)


def _of_letter(event: Happening) -> tuple[int, int]:
    return event.body["year"], event.body["number"]
