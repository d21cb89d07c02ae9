"""What complaints says of a complaint, on datacloud.complaints.v1, keyed by the complaint's id."""

from uuid import UUID

from shared.contracts.fact import Instant, RegistrationNumber
from shared.contracts.subjects import ComplaintFact


class ComplaintFiled(ComplaintFact):
    """A complaint is in the register, by whichever channel. The clock runs from the day of `received_at`.

    Its narrative never leaves complaints. `anonymous` (no name was given) and `confidential` (the name is for the
    complaint officer and the head only) are two things. `request_number` is the request it complains about.
    """

    received_at: Instant
    registered_at: Instant
    anonymous: bool
    request_number: RegistrationNumber | None = None
    registered_by: UUID | None = None
