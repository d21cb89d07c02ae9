"""What a fact repeats of the request or complaint it is about, so that nobody has to join topics to understand it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.fact import AgencyCode, Fact, RegistrationNumber, Wire

RequestKind = Literal["open_account", "replace_administrator"]
Channel = Literal[
    "face_to_face",
    "complaint_box",
    "whatsapp",
    "telephone",
    "email",
    "sp4n_lapor",
    "contact_page",
    "social_media",
]
Category = Literal["minor", "normative", "non_supervisory", "supervisory"]


class RequestIdentity(Wire):
    """A request, whose letter it is and whom it concerns; the two persons by id only."""

    request_id: UUID
    registration_number: RegistrationNumber
    agency_code: AgencyCode
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID


class ComplaintIdentity(Wire):
    """A complaint, how it came and what it is taken to be.

    No complainant: it is anonymous. No category: it is not classified yet.
    """

    complaint_id: UUID
    registration_number: RegistrationNumber
    complainant_id: UUID | None
    channel: Channel
    category: Category | None
    confidential: bool


class RequestFact(RequestIdentity, Fact):
    """A fact about one request."""


class ComplaintFact(ComplaintIdentity, Fact):
    """A fact about one complaint."""


class RequestSubject(RequestIdentity):
    """The request, in a fact that is as well said of complaints."""

    type: Literal["request"] = "request"

    @property
    def subject_id(self) -> UUID:
        """The id of the stream, whatever the subject."""
        return self.request_id


class ComplaintSubject(ComplaintIdentity):
    """The complaint, in a fact that is as well said of requests."""

    type: Literal["complaint"] = "complaint"

    @property
    def subject_id(self) -> UUID:
        """The id of the stream, whatever the subject."""
        return self.complaint_id


Subject = Annotated[RequestSubject | ComplaintSubject, Field(discriminator="type")]
