"""The law of a request: one pure function per command. Clock rules: DOMAIN section 4, rules 1, 2, 4 and 11."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from services.intake.commands import (
    BreachDeadline,
    Clock,
    Command,
    NoteActivation,
    NoteActivationFailure,
    NoteConfirmation,
    NoteReview,
    ResubmitRequest,
    SetAsideRequest,
    SubmitRequest,
    WithdrawRequest,
)
from services.intake.events import (
    ActivationFailureNoted,
    ActivationNoted,
    ClosedAs,
    ConfirmationNoted,
    DeadlineBreached,
    DeadlineBreachRevoked,
    DeadlineSet,
    DeadlineStopped,
    Event,
    RequestClosed,
    RequestResubmitted,
    RequestSetAside,
    RequestSubmitted,
    RequestWithdrawn,
    ReviewNoted,
    StoppedBy,
)
from services.intake.state import Closed, NotSubmitted, Open, Request, Returned, State, evolve
from shared.event_sourcing.outcomes import Refused
from shared.working_time.days import WorkingTimeError


def decide(command: Command, state: State) -> Sequence[Event]:
    """What happens when the command meets the state; raises Refused when it must not happen."""
    match command:
        case SubmitRequest():
            return submit(command, state)
        case ResubmitRequest():
            return resubmit(command, state)
        case WithdrawRequest():
            return withdraw(command, state)
        case SetAsideRequest():
            return set_aside(command, state)
        case NoteReview():
            return note_review(command, state)
        case NoteActivation():
            return note_activation(command, state)
        case NoteActivationFailure():
            return note_activation_failure(command, state)
        case NoteConfirmation():
            return note_confirmation(command, state)
        case BreachDeadline():
            return breach(command, state)
        case _:
            assert_never(command)


def submit(command: SubmitRequest, state: State) -> Sequence[Event]:
    """The clock starts when the letter reached the office (rule 2), whoever typed it in later."""
    if not isinstance(state, NotSubmitted):
        raise Refused("already_submitted")
    received_at = _received(command.received_at, command.at)
    papers = command.papers
    return [
        RequestSubmitted(
            command.request_id,
            command.registration_number,
            command.agency_code,
            command.kind,
            papers.administrator_id,
            papers.contact_id,
            papers.letter_id,
            papers.appointment_id,
            received_at,
            command.at,
            command.registered_by,
            command.clock.standard,
        ),
        _deadline(command.clock, 1, received_at),
    ]


def resubmit(command: ResubmitRequest, state: State) -> Sequence[Event]:
    """The clock starts anew on the date of completion (rule 4, Perpres 76/2013)."""
    if not isinstance(state, Returned):
        raise Refused("not_returned")
    if command.received_at is not None and command.received_at < state.returned_at:
        raise Refused("received_before_return")
    received_at, papers = _received(command.received_at, command.at), command.papers
    cycle = state.request.cycle + 1
    return [
        RequestResubmitted(
            cycle,
            papers.administrator_id,
            papers.contact_id,
            papers.letter_id,
            papers.appointment_id,
            received_at,
            command.at,
            command.registered_by,
        ),
        _deadline(command.clock, cycle, received_at),
    ]


def withdraw(command: WithdrawRequest, state: State) -> Sequence[Event]:
    """Asked twice, the first answer stands; after another end it is too late."""
    match state:
        case NotSubmitted():
            raise Refused("unknown_request")
        case Closed(outcome="withdrawn"):
            return []
        case Closed():
            raise Refused("request_closed")
        case Open() | Returned():
            withdrawn = RequestWithdrawn(command.at, command.text_id)
            return [withdrawn, *_close(state, "withdrawn", command.at)]
        case _:
            assert_never(state)


def set_aside(command: SetAsideRequest, state: State) -> Sequence[Event]:
    """Anybody can file, so nobody may block an agency with a letter that is not its own."""
    match state:
        case NotSubmitted():
            raise Refused("unknown_request")
        case Closed(outcome="set_aside"):
            return []
        case Closed():
            raise Refused("request_closed")
        case Open() | Returned():
            put_aside = RequestSetAside(command.at, command.officer_id, command.text_id)
            return [put_aside, *_close(state, "set_aside", command.at)]
        case _:
            assert_never(state)


def note_review(command: NoteReview, state: State) -> Sequence[Event]:
    """A return stops the clock, a rejection ends the request; both of the present cycle only."""
    if isinstance(state, NotSubmitted):
        raise Refused("unknown_request")
    noted = ReviewNoted(command.cycle, command.outcome, command.text_id, command.reviewed_at)
    if command.outcome == "approved":
        return [noted]
    if command.cycle != state.request.cycle:
        return []
    if isinstance(state, Closed):
        return _stop_clock(state.request, command.outcome, command.reviewed_at)
    if command.outcome == "rejected":
        return [noted, *_close(state, "rejected", command.reviewed_at)]
    return [noted, *_stop_clock(state.request, "returned", command.reviewed_at)]


def note_activation(command: NoteActivation, state: State) -> Sequence[Event]:
    """Recorded in every phase; it may come before the review is known."""
    if isinstance(state, NotSubmitted):
        raise Refused("unknown_request")
    return [ActivationNoted(command.activated_at)]


def note_activation_failure(command: NoteActivationFailure, state: State) -> Sequence[Event]:
    """Recorded, so that the PD and the officers see it."""
    if isinstance(state, NotSubmitted):
        raise Refused("unknown_request")
    return [ActivationFailureNoted(command.reason_code, command.failed_at)]


def note_confirmation(command: NoteConfirmation, state: State) -> Sequence[Event]:
    """The clock stops at the mail server's 250 (rule 11), not when intake hears of it. A withdrawal stands."""
    match state:
        case NotSubmitted():
            raise Refused("unknown_request")
        case Closed():
            return _stop_clock(state.request, "confirmed", command.sent_at)
        case Open() | Returned():
            noted = ConfirmationNoted(command.letter_number, command.sent_at)
            return [noted, *_close(state, "confirmed", command.sent_at)]
        case _:
            assert_never(state)


def breach(command: BreachDeadline, state: State) -> Sequence[Event]:
    """Once per cycle, at the legal instant; pointless when the clock has ended or a newer cycle runs."""
    clock = None if isinstance(state, NotSubmitted) else state.request.clock
    if clock is None or clock.ended or clock.cycle != command.cycle:
        return []
    return [DeadlineBreached(clock.cycle, clock.due_on, clock.breach_at, command.late)]


def _received(received_at: datetime | None, at: datetime) -> datetime:
    if received_at is not None and received_at > at:
        raise Refused("received_in_future")
    return received_at or at


def _deadline(clock: Clock, cycle: int, received_at: datetime) -> DeadlineSet:
    try:
        due = clock.calendar.due(received_at, clock.limit)
    except WorkingTimeError as error:
        raise Refused("outside_calendar") from error
    return DeadlineSet(cycle, due.due_on, due.breach_at, due.provisional, clock.calendar_version)


def _close(state: Open | Returned, outcome: ClosedAs, at: datetime) -> Sequence[Event]:
    clock = state.request.clock
    if clock is None:
        message = "a submitted request has a deadline"
        raise TypeError(message)
    ending: list[Event] = list(_stop_clock(state.request, outcome, at))
    settled: State = state
    for event in ending:
        settled = evolve(settled, event)
    breached = settled.request.breached if not isinstance(settled, NotSubmitted) else False
    return [*ending, RequestClosed(outcome, at, clock.due_on, not breached)]


def _stop_clock(request: Request, by: StoppedBy, at: datetime) -> Sequence[Event]:
    """Rule 11: what happened at or after the breach instant is late, whenever either is learned.

    A closed request has no running clock: all that is left to learn of it is that its breach was none.
    """
    clock = request.clock
    if clock is None or clock.ended in ("stopped", "revoked"):
        return []
    if at >= clock.breach_at:
        late = DeadlineBreached(clock.cycle, clock.due_on, clock.breach_at, late=True)
        return [] if clock.ended else [late]
    if clock.ended == "breached":
        return [DeadlineBreachRevoked(clock.cycle, at)]
    return [DeadlineStopped(clock.cycle, by, at)]
