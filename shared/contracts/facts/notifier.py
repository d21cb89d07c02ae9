"""What notifier says of its letters and mails, on datacloud.notifications.v1, keyed by its subject's id."""

from uuid import UUID

from shared.contracts.fact import Code, Fact, Instant, LetterNumber
from shared.contracts.subjects import RequestFact, Subject


class ConfirmationSent(RequestFact):
    """The mail server took the confirmation letter at `sent_at`: the request's clock stops at that instant."""

    letter_number: LetterNumber
    sent_at: Instant


class NotificationUndeliverable(Fact):
    """A mail was given up; somebody must reach these people another way. The clock goes on."""

    subject: Subject
    notification_id: UUID
    template: Code
    reason_code: Code
    failed_at: Instant
