"""A fact of another service -> what intake does about it."""

from collections.abc import Iterable
from datetime import datetime

from services.intake.commands import (
    Command,
    NoteActivation,
    NoteActivationFailure,
    NoteConfirmation,
    NoteReview,
)
from shared.contracts.facts.notifier import ConfirmationSent
from shared.contracts.facts.provisioning import (
    AccountActivated,
    AccountActivationFailed,
    AdministratorReplaced,
)
from shared.contracts.facts.review import RequestReviewed
from shared.contracts.registry import Fact
from shared.event_sourcing.decider import To


def react(fact: Fact, at: datetime) -> Iterable[To[Command]]:  # noqa: ARG001 - every time of ours stands in the fact
    """The request's stream is named by the fact alone."""
    match fact:
        case RequestReviewed():
            noted = NoteReview(fact.cycle, fact.outcome, fact.text_id, fact.reviewed_at)
            return [To(str(fact.request_id), noted)]
        case AccountActivated():
            return [To(str(fact.request_id), NoteActivation(fact.activated_at))]
        case AdministratorReplaced():
            return [To(str(fact.request_id), NoteActivation(fact.replaced_at))]
        case AccountActivationFailed():
            failed = NoteActivationFailure(fact.reason_code, fact.failed_at)
            return [To(str(fact.request_id), failed)]
        case ConfirmationSent():
            sent = NoteConfirmation(fact.letter_number, fact.sent_at)
            return [To(str(fact.request_id), sent)]
        case _:
            return []
