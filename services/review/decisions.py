"""The law of a review. DOMAIN sections 5 and 7; nobody reviews a request they registered any part of (P9)."""

from collections.abc import Sequence
from typing import assert_never

from services.review.commands import Command, DecideCase, DropCase, NoteDueDate, OpenCase
from services.review.events import CaseDecided, CaseDropped, CaseOpened, DueDateNoted, Event
from services.review.state import Decided, Dropped, State, Undecided, Unknown
from shared.event_sourcing.outcomes import Refused


def decide(command: Command, state: State) -> Sequence[Event]:
    """What happens when the command meets the state; raises Refused when it must not happen."""
    match command:
        case OpenCase():
            return open_case(command, state)
        case NoteDueDate():
            return note_due_date(command, state)
        case DropCase():
            return drop(command, state)
        case DecideCase():
            return decide_case(command, state)
        case _:
            assert_never(command)


def open_case(command: OpenCase, state: State) -> Sequence[Event]:
    """Cycle 1 by the submission, each later one by a completion; a withdrawal heard first stands."""
    if isinstance(state, Dropped):
        return []
    if not isinstance(state, Unknown) and command.cycle <= state.case.cycle:
        return []
    return [
        CaseOpened(
            command.subject,
            command.cycle,
            command.received_at,
            command.letter_id,
            command.appointment_id,
            command.registered_by,
        )
    ]


def note_due_date(command: NoteDueDate, state: State) -> Sequence[Event]:
    """Kept for the order of the queue; a dropped case needs none."""
    if isinstance(state, Dropped):
        return []
    return [DueDateNoted(command.subject, command.cycle, command.due_on)]


def drop(command: DropCase, state: State) -> Sequence[Event]:
    """Whatever was decided, nothing is left to decide."""
    if isinstance(state, Dropped):
        return []
    return [CaseDropped(command.subject, command.reason)]


def decide_case(command: DecideCase, state: State) -> Sequence[Event]:
    """One decision per cycle, on the version the officer saw, with a reason unless it is an approval."""
    match state:
        case Unknown():
            raise Refused("unknown_request")
        case Dropped():
            raise Refused("case_dropped")
        case Decided():
            raise Refused(
                "decided_meanwhile",
                outcome=state.outcome,
                decided_at=state.decided_at.isoformat(),
                officer_id=str(state.officer_id),
            )
        case Undecided(case=case):
            pass
        case _:
            assert_never(state)
    if command.seen_version != case.version:
        raise Refused("stale_version", version=str(case.version))
    if command.officer_id in case.registrars:
        raise Refused("registered_by_yourself")
    if command.text_id is None and command.outcome != "approved":
        raise Refused("reason_missing")
    return [
        CaseDecided(case.cycle, command.outcome, command.text_id, command.officer_id, command.at)
    ]
