"""Uniqueness across requests: one open request per agency and kind, one account per agency."""

from collections.abc import Iterable

from services.intake import events
from services.intake.events import Event
from services.intake.state import NotSubmitted, State
from shared.event_sourcing.store import Free, Reserve


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
