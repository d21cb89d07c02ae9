"""Uniqueness across requests: one open request per agency and kind, one account per agency, each number once."""

from collections.abc import Iterable

from services.intake import events
from services.intake.events import Event
from services.intake.state import NotSubmitted, State
from shared.contracts.facts.clock import DeadlineFact
from shared.contracts.facts.intake import RequestClosed, RequestSubmitted
from shared.contracts.registry import Fact
from shared.contracts.subjects import RequestFact
from shared.event_sourcing.store import Free, NumberTaken, Reserve


def name(kind: str, agency_code: str) -> str:
    """What a request holds while it is open; a confirmed `open_account` holds it for good."""
    return f"{kind}:{agency_code}"


def reserve(event: Event, state: State) -> Iterable[Reserve | Free]:
    """Taken with the submission, given back with the end, unless the agency now has its account."""
    if isinstance(state, NotSubmitted):
        return []
    held = name(state.request.kind, state.request.agency_code)
    match event:
        case events.RequestSubmitted():
            return [Reserve(held)]
        case events.RequestClosed(outcome="confirmed") if state.request.kind == "open_account":
            return []
        case events.RequestClosed():
            return [Free(held)]
        case _:
            return []


def recovered(fact: Fact) -> Iterable[Reserve | Free | NumberTaken]:
    """The same of a fact whose event was lost with a database, and the register number that it tells."""
    match fact:
        case RequestSubmitted():
            return [_number(fact.registration_number), Reserve(name(fact.kind, fact.agency_code))]
        case RequestClosed(outcome="confirmed", kind="open_account"):
            return [_number(fact.registration_number)]
        case RequestClosed():
            return [_number(fact.registration_number), Free(name(fact.kind, fact.agency_code))]
        case RequestFact():
            return [_number(fact.registration_number)]
        case DeadlineFact():
            return [_number(fact.subject.registration_number)]
        case _:
            return []


def _number(registration_number: str) -> NumberTaken:
    """DC-2026-000123 is the 123rd of 2026."""
    _, year, number = registration_number.split("-")
    return NumberTaken("requests", int(year), int(number))
