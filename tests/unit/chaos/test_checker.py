"""The checker can fail: a world without fault passes, and each single fault is found under the promise it breaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.commands import BreachDeadline
from shared.contracts.topics import REQUESTS
from tests.chaos.checker import check
from tests.chaos.history import Entry
from tests.chaos.world import (
    BlockedRow,
    Mail,
    Reader,
    Recovery,
    ServiceState,
    Space,
    StoredEvent,
    StoredMark,
    TopicRecord,
    World,
)
from tests.support.requests import BREACH_AT
from tests.unit.chaos.small_world import (
    AGENCY,
    STREAM,
    account,
    confirmed_request,
    letter,
    withdrawn_request,
    world_of,
)

Break = Callable[[World], World]


def confirmed() -> World:
    return world_of(confirmed_request(), accounts=[account()])


def withdrawn() -> World:
    return world_of(withdrawn_request())


def found(world: World) -> set[str]:
    return {violation.promise for violation in check(world)}


def test_a_confirmed_request_breaks_no_promise() -> None:
    assert list(check(confirmed())) == []


def test_a_withdrawn_request_breaks_no_promise() -> None:
    assert list(check(withdrawn())) == []


def of_service(world: World, name: str, **other: Any) -> World:  # noqa: ANN401 - any field
    changed: ServiceState = replace(world.services[name], **other)
    return replace(world, services={**world.services, name: changed})


def of_stream(
    world: World,
    service: str,
    change: Callable[[list[StoredEvent]], Sequence[StoredEvent]],
    stream: str = STREAM,
) -> World:
    streams = world.services[service].streams
    changed = {**streams, stream: change(list(streams[stream]))}
    return of_service(world, service, streams=changed)


def of_type(
    world: World, service: str, event_type: str, change: Callable[[StoredEvent], StoredEvent]
) -> World:
    return of_stream(
        world, service, lambda events: [change(e) if e.type == event_type else e for e in events]
    )


def body(event: StoredEvent, **other: object) -> StoredEvent:
    return event._replace(body=orjson.dumps({**orjson.loads(event.body), **other}))


def metadata(event: StoredEvent, **other: object) -> StoredEvent:
    return event._replace(metadata=orjson.dumps({**orjson.loads(event.metadata), **other}))


def again(event: StoredEvent, version: int, **about: object) -> StoredEvent:
    """The same thing once more, further on."""
    silent = event._replace(version=version, event_id=uuid4(), fact=None, fact_type=None)
    return metadata(silent, **about)


def later(events: list[StoredEvent], place: int) -> list[StoredEvent]:
    """The event of this place happens again at another instant."""
    return [
        *events,
        again(events[place], len(events) + 1, occurred_at="2026-11-23T09:00:00+00:00"),
    ]


def heard(world: World, *entries: tuple[str, Mapping[str, object]]) -> World:
    told = [
        Entry(9.0, "pd", "ok", operation, key_of(operation), dict(answer))
        for operation, answer in entries
    ]
    return replace(world, history=[*world.history, *told])


def key_of(operation: str) -> str:
    return "a" if operation == "submit_request" else "b"


def lost_stream(world: World) -> World:
    return of_service(world, "intake", streams={}, numbers={})


def another_answer(world: World) -> World:
    answer = {
        "request_id": STREAM,
        "registration_number": "DC-2026-000002",
        "due_on": "2026-11-24",
    }
    return heard(world, ("submit_request", answer))


def answered_twice(world: World) -> World:
    """Two keys told of a decision, one decision in the stream."""
    asked = {"request_id": STREAM, "outcome": "approved"}
    more = [
        Entry(5.0, "other", "invoke", "decide_case", "c", asked),
        Entry(6.0, "other", "ok", "decide_case", "c", {"request_id": STREAM}),
    ]
    return replace(world, history=[*world.history, *more])


def nobody_asked(world: World) -> World:
    return replace(world, history=[e for e in world.history if e.operation != "submit_request"])


def twice_for_one_key(world: World) -> World:
    return of_stream(world, "review", lambda events: later(events, -1))


def register_ahead(world: World) -> World:
    return of_service(world, "intake", numbers={("requests", 2026): 2})


def without_a_record(world: World) -> World:
    return replace(world, records=[r for r in world.records if r.place != (REQUESTS.name, 0, 1)])


def with_other_bytes(world: World) -> World:
    first, *others = world.records
    return replace(world, records=[first._replace(value=b"{}"), *others])


def phantom(world: World) -> World:
    last = max(r.place[2] for r in world.records if r.place[0] == REQUESTS.name)
    headers = (("ce_id", str(uuid4()).encode()), ("ce_sequence", b"1"), ("ce_source", b"intake"))
    record = TopicRecord((REQUESTS.name, 0, last + 1), b"nobody", headers, b"{}")
    return replace(world, records=[*world.records, record])


def applied_twice(world: World) -> World:
    return of_stream(world, "review", lambda events: later(events, 0))


def mark_moved(by: int) -> Break:
    def change(world: World) -> World:
        key = ("review.cases", REQUESTS.name, STREAM)
        mark = world.services["review"].marks[key]
        marks = {**world.services["review"].marks, key: StoredMark(mark.sequence + by, mark.fact_id)}  # fmt: skip
        return of_service(world, "review", marks=marks)

    return change


def swapped_on_the_topic(world: World) -> World:
    one, two = (r for r in world.records if r.place in {(REQUESTS.name, 0, 0), (REQUESTS.name, 0, 1)})  # fmt: skip
    others = [r for r in world.records if r not in (one, two)]
    return replace(world, records=[one._replace(place=two.place), two._replace(place=one.place), *others])  # fmt: skip


def applied_out_of_order(world: World) -> World:
    def swap(events: list[StoredEvent]) -> list[StoredEvent]:
        first, second, *others = events
        return [second._replace(version=1), first._replace(version=2), *others]

    return of_stream(world, "review", swap)


def counted_wrong(world: World) -> World:
    reader = Reader("review", (REQUESTS.name,), {"received": 3, "applied": 2})
    return replace(world, readers={**world.readers, "review.cases": reader})


def parked(reason: str | None) -> Break:
    row = BlockedRow("review.cases", (REQUESTS.name, 0, 0), STREAM, 1, UUID(int=1), reason)
    return lambda world: of_service(world, "review", blocked=[row])


def left_in_the_outbox(world: World) -> World:
    return of_service(world, "intake", outbox=1)


def not_read_to_the_end(world: World) -> World:
    return of_service(world, "review", offsets={("review.cases", REQUESTS.name, 0): 1})


def rewritten(world: World) -> World:
    return of_type(world, "review", "CaseDecided", lambda event: body(event, officer_id=str(UUID(int=9))))  # fmt: skip


def stale_view(world: World) -> World:
    rows = [{**row, "status": "submitted"} for row in (world.services["intake"].views or {})["requests"]]  # fmt: skip
    return of_service(world, "intake", views={**(world.services["intake"].views or {}), "requests": rows})  # fmt: skip


def unreadable_fact(world: World) -> World:
    return of_type(world, "intake", "RequestSubmitted", lambda event: event._replace(fact=b"[]"))


def ended_twice(world: World) -> World:
    def change(events: list[StoredEvent]) -> list[StoredEvent]:
        stopped = next(each for each in events if each.type == "DeadlineStopped")
        return [*events, again(stopped, len(events) + 1)]

    return of_stream(world, "intake", change)


def never_ended(world: World) -> World:
    return of_stream(world, "intake", lambda events: [e for e in events if e.type != "DeadlineStopped"])  # fmt: skip


def stopped_too_late(world: World) -> World:
    late = (BREACH_AT + timedelta(hours=1)).isoformat()
    return of_type(world, "intake", "DeadlineStopped", lambda event: body(event, stopped_at=late))


def another_due_date(world: World) -> World:
    return of_type(
        world, "intake", "DeadlineSet",
        lambda event: body(event, due_on="2026-11-25", breach_at="2026-11-25T17:00:00+00:00"),
    )  # fmt: skip


def with_accounts(*accounts: Any) -> Break:  # noqa: ANN401 - Account is a tuple
    return lambda world: replace(world, accounts=list(accounts))


def two_spaces(world: World) -> World:
    return replace(world, spaces=[*world.spaces, Space(f"pd-{AGENCY}", ())])


def mail_of_nobody(world: World) -> World:
    return replace(world, mails=[*world.mails, world.mails[0]._replace(message_id=f"{uuid4()}@x")])


def second_copy(world: World) -> World:
    """An hour after the last one."""
    at = world.mails[-1].accepted_at + timedelta(hours=1)
    return replace(world, mails=[*world.mails, world.mails[0]._replace(accepted_at=at)])


def no_mail_came(world: World) -> World:
    return replace(world, mails=list[Mail]())


def never_confirmed(world: World) -> World:
    return of_stream(world, "notifier", lambda events: [e for e in events if e.type != "NotificationSent"])  # fmt: skip


def recovered(recovery: Recovery) -> Break:
    return lambda world: replace(world, recovery=recovery)


@pytest.mark.parametrize(
    ("promise", "fault"),
    [
        ("P1", lost_stream),
        ("P1", another_answer),
        ("P1", answered_twice),
        ("P1", nobody_asked),
        ("P1", twice_for_one_key),
        ("P1", register_ahead),
        ("P2", without_a_record),
        ("P2", with_other_bytes),
        ("P2", phantom),
        ("P3", applied_twice),
        ("P3", mark_moved(1)),
        ("P3", mark_moved(-1)),
        ("P4", swapped_on_the_topic),
        ("P4", applied_out_of_order),
        ("P5", counted_wrong),
        ("P5", parked("malformed_value")),
        ("P5", parked(None)),
        ("P5", left_in_the_outbox),
        ("P5", not_read_to_the_end),
        ("P6", rewritten),
        ("P6", stale_view),
        ("P6", unreadable_fact),
        ("P7", ended_twice),
        ("P7", never_ended),
        ("P7", stopped_too_late),
        ("P7", another_due_date),
        ("P8", with_accounts()),
        ("P8", with_accounts(account(), account(user_name="another"))),
        ("P8", with_accounts(account(created=2))),
        ("P8", with_accounts(account(groups=()))),
        ("P8", two_spaces),
        ("P8", mail_of_nobody),
        ("P8", second_copy),
        ("P8", no_mail_came),
        ("P8", never_confirmed),
        ("P12", recovered(Recovery(61.0, 70.0))),
        ("P12", recovered(Recovery(None, None))),
        ("P12", recovered(Recovery(1.0, 2.0, {("review.cases", REQUESTS.name, 0): 3}))),
    ],
)
def test_one_fault_in_the_world_of_a_confirmed_request_is_found(promise: str, fault: Break) -> None:
    assert promise in found(fault(confirmed()))


def test_an_enabled_account_of_a_withdrawn_request_is_found() -> None:
    assert "P8" in found(replace(withdrawn(), accounts=[account()]))


def test_a_breach_before_its_instant_is_found() -> None:
    told = confirmed_request()
    other = "0192f3a0-0000-7000-8000-0000000000ff"
    told.do("intake", other, letter(UUID(other), "DC-2026-000002", "DINKES", told.at))
    told.do("intake", other, BreachDeadline(1, BREACH_AT, late=False))
    early = check(world_of(told, accounts=[account()], history=False))
    assert any("early" in violation.what for violation in early)


def test_work_that_is_due_and_not_done_is_found() -> None:
    told = confirmed_request()
    other = "0192f3a0-0000-7000-8000-0000000000ff"
    told.do("intake", other, letter(UUID(other), "DC-2026-000002", "DINKES", told.at))
    world = of_service(
        world_of(told, history=False), "intake", now=BREACH_AT + timedelta(minutes=1)
    )
    assert any("not done" in violation.what for violation in check(world))
