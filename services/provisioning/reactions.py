"""A fact of intake or review -> what provisioning does about it. The stream is the agency."""

from collections.abc import Iterable
from datetime import datetime

from services.provisioning.commands import Command, DropRequest, RequestActivation, Subject
from shared.contracts.facts.intake import RequestSetAside, RequestWithdrawn
from shared.contracts.facts.review import RequestReviewed
from shared.contracts.registry import Fact
from shared.event_sourcing.decider import To


def react(fact: Fact, at: datetime) -> Iterable[To[Command]]:
    """Only an approval, a withdrawal and a setting aside concern the platform."""
    match fact:
        case RequestReviewed(outcome="approved"):
            return [To(fact.agency_code, RequestActivation(_subject(fact), at))]
        case RequestWithdrawn():
            return [To(fact.agency_code, DropRequest(_subject(fact), "withdrawn", at))]
        case RequestSetAside():
            return [To(fact.agency_code, DropRequest(_subject(fact), "set_aside", at))]
        case _:
            return []


def _subject(fact: RequestReviewed | RequestWithdrawn | RequestSetAside) -> Subject:
    return Subject(
        fact.request_id,
        fact.registration_number,
        fact.agency_code,
        fact.kind,
        fact.administrator_id,
        fact.contact_id,
    )
