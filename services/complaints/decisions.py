"""The law of a complaint. Clock rules: DOMAIN section 4, rules 1, 2 and 6."""

from collections.abc import Sequence
from typing import assert_never

from services.complaints.commands import BreachDeadline, Command, FileComplaint
from services.complaints.events import ComplaintFiled, DeadlineBreached, DeadlineSet, Event
from services.complaints.state import NotFiled, State
from shared.event_sourcing.outcomes import Refused
from shared.working_time.days import WorkingTimeError


def decide(command: Command, state: State) -> Sequence[Event]:
    """What happens when the command meets the state; raises Refused when it must not happen."""
    match command:
        case FileComplaint():
            return file(command, state)
        case BreachDeadline():
            return breach(command, state)
        case _:
            assert_never(command)


def file(command: FileComplaint, state: State) -> Sequence[Event]:
    """The clock starts when the complaint reached the office (rule 2), whoever typed it in later."""
    if not isinstance(state, NotFiled):
        raise Refused("already_filed")
    if command.received_at is not None and command.received_at > command.at:
        raise Refused("received_in_future")
    received_at = command.received_at or command.at
    try:
        due = command.clock.calendar.due(received_at, command.clock.limit)
    except WorkingTimeError as error:
        raise Refused("outside_calendar") from error
    return [
        ComplaintFiled(
            command.complaint_id,
            command.registration_number,
            command.channel,
            command.category,
            command.text_id,
            command.complainant_id,
            command.confidential,
            command.request_number,
            received_at,
            command.at,
            command.registered_by,
            command.clock.standard,
        ),
        DeadlineSet(1, due.due_on, due.breach_at, due.provisional, command.clock.calendar_version),
    ]


def breach(command: BreachDeadline, state: State) -> Sequence[Event]:
    """Once per cycle, at the legal instant; pointless when it was breached already or a newer cycle runs."""
    clock = None if isinstance(state, NotFiled) else state.clock
    if clock is None or clock.breached or clock.cycle != command.cycle:
        return []
    return [DeadlineBreached(clock.cycle, clock.due_on, clock.breach_at, command.late)]
