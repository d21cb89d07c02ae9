"""What review says of a request, on datacloud.reviews.v1, keyed by the request's id."""

from typing import Literal
from uuid import UUID

from shared.contracts.fact import Code, Count, Instant
from shared.contracts.subjects import RequestFact


class RequestReviewed(RequestFact):
    """An officer of Bidang Aplikasi Informatika decided this cycle of the request.

    Approved: the account may be made. Returned: the clock is stopped until a resubmission. Rejected: the request ends.
    The officer's own words are the text `text_id` of datacloud.review-texts.v1, always there with the last two.
    `reason_code` is null: reviewers do not pick their reason from a list yet.
    """

    cycle: Count
    outcome: Literal["approved", "returned", "rejected"]
    reason_code: Code | None = None
    text_id: UUID | None = None
    officer_id: UUID
    reviewed_at: Instant
