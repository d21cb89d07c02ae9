"""What becomes of each record of a batch: decided in memory, in partition order, before anything is written.

Promises P3 (once), P4 (in order), P5 (nothing vanishes): each record has exactly one outcome. A bad record blocks its
stream, in order; every other stream flows on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import structlog

from shared.contracts.registry import Fact
from shared.event_sourcing.decider import To
from shared.event_sourcing.outcomes import Refused
from shared.event_sourcing.transaction import Batch
from shared.event_sourcing.unit_of_work import Advance, Context, Work
from shared.messaging.blocked import Place, Received
from shared.messaging.copied_back import is_copy_of, says_less
from shared.messaging.marks import NO_MARK, Mark, StreamKey

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

React = Callable[[Fact, datetime], Iterable[To[C]]]

WaitingKey = tuple[str, str, int]
"""Topic, stream and number."""

STREAMS_FAILING_MAX = 20
_TAKEN_IN = ("applied", "ignored", "unknown_type", "refused")
_WAITS = ("held", "parked")

log = structlog.get_logger(__name__)


class OurCodeFails(Exception):  # noqa: N818 - what the loop does about it is to wait, not to park everything
    """Many streams would be parked by errors of our own, none applied: the program is at fault, not the records."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How a batch is taken. `drain`: held successors follow at once. `replay`: the records were stored already.

    `refuse`: their commands are refused, because the database refuses a name they want.
    """

    drain: bool = True
    replay: bool = False
    refuse: bool = False


@dataclass(slots=True)
class Taking(Generic[C, S, E]):
    """One transaction's view of what is in and what waits, and what it makes of the records."""

    batch: Batch[C, S, E]
    mode: Mode
    marks: dict[StreamKey, Mark]
    waiting: dict[WaitingKey, Received]
    known_places: set[Place]
    reactions: dict[Place, Sequence[To[C]]] = field(default_factory=dict)
    loose: list[Received] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    moved: set[StreamKey] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)

    async def plan(self, records: Sequence[Received], react: React[C]) -> None:
        """Ask which commands the facts ask for, so that all their streams are loaded at once."""
        released = {record.place for record in records} if self.mode.replay else set()
        waiting = list(self.waiting.values())
        tried = [*records, *(each for each in waiting if each.place in released)]
        for record in tried:
            if not record.unreadable:
                record.reason, record.detail = None, ""  # an earlier attempt may have failed on it
        held = [each for each in waiting if each.reason is None and each.place not in released]
        for record in (*tried, *(held if self.mode.drain else ())):
            self._ask(record, react)
        await self.batch.load([to.stream_id for tos in self.reactions.values() for to in tos])

    def _ask(self, record: Received, react: React[C]) -> None:
        if record.fact is None or record.unreadable:
            return
        try:
            self.reactions[record.place] = tuple(react(record.fact, self.batch.given.at))
        except Exception as error:  # noqa: BLE001 - whatever our code does, only this stream waits
            park(record, error)

    def take(self, record: Received) -> None:
        """One record, and the held ones it releases."""
        if record.stream is None or record.sequence is None:
            self._take_loose(record)
            return
        mark, _ = self.marks.get(record.stream_key, NO_MARK)
        if not self.mode.replay and conflicts(record, self.marks, self.waiting):
            record.reason = "conflict"
            log.error(
                "fact_conflicts",
                topic=record.place[0],
                stream=record.stream,
                sequence=record.sequence,
            )
            self._take_loose(record)
            return
        new = self._new(record, mark) if record.sequence > mark else None
        outcome = self._drain(record.stream_key, new)
        if self.mode.replay:
            self.outcomes["drained"] += outcome in _TAKEN_IN
        else:
            again = new is not record and outcome in _WAITS
            self.outcomes["received"] += 1
            self.outcomes["duplicate" if again else outcome] += 1

    def _new(self, record: Received, mark: int) -> Received | None:
        """What is to be tried under the record's number; None if that changes nothing.

        Another record replaces a parked one: a corrected fact. Its own dead letter copied back is a wish to try it
        again, where it stands.
        """
        at = (*record.stream_key, record.sequence or mark)
        stored = self.waiting.get(at)
        if self.mode.replay:
            return stored
        if stored is not None:
            copy = is_copy_of(record, [stored])
            if (
                stored.place == record.place
                or says_less(record, stored)
                or (copy and record.reason)
            ):
                return None
            if copy:
                stored.reason, stored.detail = None, ""
                self.reactions[stored.place] = self.reactions.get(record.place, ())
                return stored
            if stored.stored_id is not None:
                self.removed.append(stored.stored_id)
        self.waiting[at] = record
        return record

    def _drain(self, stream: StreamKey, new: Received | None) -> str:
        """Apply what is ready, in order; answers the outcome of the new one."""
        outcome = "duplicate" if new is None else ""
        while (head := self._ready(stream)) and (self.mode.drain or head is new):
            result = self._apply(head)
            if result is None:
                break
            if head is new:
                outcome = result
            else:
                self.outcomes["drained"] += 1
        if new is not None and not outcome:
            return "parked" if new.reason else "held"
        return outcome

    def _ready(self, stream: StreamKey) -> Received | None:
        mark, _ = self.marks.get(stream, NO_MARK)
        head = self.waiting.get((*stream, mark + 1))
        return head if head is not None and head.reason is None else None

    def _apply(self, head: Received) -> str | None:
        """Decide all of it before any of it is kept; None when our code fails on it and it stays, parked."""
        outcome = "unknown_type" if head.unknown_type else "ignored"
        if tos := self.reactions.get(head.place):
            try:
                self.batch.keep(self._advance(head, tos))
                outcome = "applied"
            except Refused as refused:
                outcome = "refused"
                log.info(
                    "fact_refused", stream=head.stream, sequence=head.sequence, code=refused.code
                )
            except Exception as error:  # noqa: BLE001 - whatever our code does, only this stream waits
                park(head, error)
                return None
        mark, _ = self.marks.get(head.stream_key, NO_MARK)
        self.marks[head.stream_key] = (mark + 1, head.fact_id)
        self.moved.add(head.stream_key)
        del self.waiting[(*head.stream_key, mark + 1)]
        if head.stored_id is not None:
            self.removed.append(head.stored_id)
        return outcome

    def _advance(self, head: Received, tos: Sequence[To[C]]) -> list[Advance[S, E]]:
        if self.mode.refuse:
            raise Refused("name_reserved")
        opened = head.envelope
        assert opened is not None  # noqa: S101 - a record with a fact has an envelope
        assert head.fact_id is not None  # noqa: S101 - likewise
        context = Context(
            opened.source, opened.correlation_id or head.fact_id, head.fact_id, opened.traceparent
        )
        works = [(Work(to.stream_id, _constant(to.command)), context) for to in tos]
        return self.batch.advance(works)

    def _take_loose(self, record: Received) -> None:
        self.outcomes["received"] += 1
        if record.place in self.known_places or is_copy_of(record, self.loose):
            self.outcomes["duplicate"] += 1
            return
        self.known_places.add(record.place)
        self.loose.append(record)
        self.outcomes["parked"] += 1

    def check_our_code(self) -> None:
        """Raises OurCodeFails."""
        failing = [
            each
            for each in self.waiting.values()
            if each.reason == "error" and each.stored_id is None
        ]
        streams = {each.stream_key for each in failing}
        if len(streams) >= STREAMS_FAILING_MAX and not self.outcomes["applied"]:
            raise OurCodeFails(failing[0].detail)


def conflicts(
    record: Received, marks: Mapping[StreamKey, Mark], waiting: Mapping[WaitingKey, Received]
) -> bool:
    """Whether another fact has the number: one that is in, or a good one that only waits for its predecessor."""
    mark, fact_id = marks.get(record.stream_key, NO_MARK)
    if record.sequence == mark:
        return record.fact_id != fact_id
    held = waiting.get((*record.stream_key, record.sequence or 0))
    return held is not None and held.reason is None and held.fact_id != record.fact_id


def park(record: Received, error: BaseException) -> None:
    """Our code or the database fails on it: it waits for a person, and its stream with it."""
    record.reason, record.detail = "error", f"{type(error).__name__}: {error}"
    log.error(
        "fact_parked",
        topic=record.place[0],
        stream=record.stream,
        sequence=record.sequence,
        error=type(error).__name__,
    )


def _constant(command: C) -> Callable[[object], C]:
    return lambda _: command
