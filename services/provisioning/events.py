"""What provisioning remembers of an agency's account."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.provisioning.commands import DroppedBecause, Subject


@dataclass(frozen=True, slots=True)
class ActivationRequested:
    """An approved request wants its account."""

    subject: Subject
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class RequestDropped:
    """This request shall have no enabled account."""

    subject: Subject
    because: DroppedBecause
    dropped_at: datetime


@dataclass(frozen=True, slots=True)
class AccountActivated:
    """The account stands on the platform and was read back."""

    request_id: UUID
    platform: str
    user_id: str
    group: str
    activated_at: datetime


@dataclass(frozen=True, slots=True)
class AdministratorReplaced:
    """The new administrator's account stands, the former one's is disabled."""

    request_id: UUID
    platform: str
    user_id: str
    group: str
    replaced_user_id: str
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationFailed:
    """The limit of tries was reached; work goes on at a slower pace. `told`: others were told of this reason before."""

    request_id: UUID
    platform: str
    reason_code: str
    attempts: int
    failed_at: datetime
    told: bool


@dataclass(frozen=True, slots=True)
class SuspensionRequested:
    """An account was made for a request that was dropped meanwhile."""

    request_id: UUID
    user_id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class AccountSuspended:
    """The account of a dropped request is disabled."""

    request_id: UUID
    platform: str
    user_id: str
    suspended_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationAbandoned:
    """The dropped request never had an account."""

    request_id: UUID
    abandoned_at: datetime


Event = (
    ActivationRequested
    | RequestDropped
    | AccountActivated
    | AdministratorReplaced
    | ActivationFailed
    | SuspensionRequested
    | AccountSuspended
    | ActivationAbandoned
)
EVENTS: tuple[type[Event], ...] = (
    ActivationRequested,
    RequestDropped,
    AccountActivated,
    AdministratorReplaced,
    ActivationFailed,
    SuspensionRequested,
    AccountSuspended,
    ActivationAbandoned,
)
