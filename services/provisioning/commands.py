"""What one may ask of an agency's account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

RequestKind = Literal["open_account", "replace_administrator"]
DroppedBecause = Literal["withdrawn", "set_aside"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The ids every fact about a request repeats."""

    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class RequestActivation:
    """The request was approved."""

    subject: Subject
    at: datetime


@dataclass(frozen=True, slots=True)
class DropRequest:
    """The request was withdrawn or set aside; that wins over an approval, whichever is heard first."""

    subject: Subject
    because: DroppedBecause
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordActivation:
    """The account was read back, enabled, in the agency's space; the former administrator's, if any, is disabled."""

    request_id: UUID
    platform: str
    user_id: str
    group: str
    replaced_user_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """The platform did not give the account within the limit of tries."""

    request_id: UUID
    platform: str
    reason_code: str
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordSuspension:
    """What the platform shows of a dropped request's account: disabled, or never made (`user_id` None)."""

    request_id: UUID
    platform: str
    user_id: str | None
    at: datetime


Command = RequestActivation | DropRequest | RecordActivation | RecordFailure | RecordSuspension
