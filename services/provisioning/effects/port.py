"""What provisioning asks of a cloud platform, in few verbs, and how a platform can say no.

Promise P8: one space per agency, one administrator per approved request. Every name on the
platform is made here from ids, so that a second try, also after a lost answer, finds what the
first one left.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class PlatformTrouble(Exception):  # noqa: N818 - outcomes of the world, not faults of the program
    """`reason_code` is stable and snake_case; no secret and nothing personal is ever in it."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


class PlatformUnavailable(PlatformTrouble):
    """Away, or talking nonsense: what was asked may have happened or not. Look, then try again."""

    def __init__(self, reason_code: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason_code)
        self.retry_after_seconds = retry_after_seconds


class PlatformUnauthorised(PlatformTrouble):
    """Our credentials are not accepted: an operator has to act, another call makes it worse."""


class PlatformRefused(PlatformTrouble):
    """The platform understood and will not: the same call is refused again."""


class PlatformConflict(PlatformTrouble):
    """What is not ours stands where ours should be: a person decides; `names` says between what."""

    def __init__(self, reason_code: str, *names: str) -> None:
        super().__init__(reason_code)
        self.names = names


@dataclass(frozen=True, slots=True)
class AccountWanted:
    """The administrator of an agency as an approved request names it."""

    request_id: UUID
    agency_code: str
    display_name: str
    email: str


@dataclass(frozen=True, slots=True)
class AccountReadBack:
    """An account as the platform itself shows it after the fact."""

    user_id: str
    group: str
    active: bool
    in_group: bool

    @property
    def usable(self) -> bool:
        """Only such an account may be reported as activated."""
        return self.active and self.in_group


class Platform(Protocol):
    """A cloud platform. Every verb may be repeated, and raises nothing but PlatformTrouble."""

    @property
    def name(self) -> str:
        """The platform's name in facts."""

    async def ensure_space(self, agency_code: str) -> str:
        """The agency's one group exists afterwards; answers its name."""

    async def ensure_administrator(self, account: AccountWanted) -> AccountReadBack:
        """The request's one account exists, active and in the agency's group; as read back.

        An account that was switched off stays so: PlatformConflict `account_inactive`.
        """

    async def suspend(self, user_id: str) -> AccountReadBack | None:
        """The account cannot be used any more; None if there is none."""

    async def read_back(self, user_id: str) -> AccountReadBack | None:
        """The account as the platform shows it now; None if there is none."""


def space_of(agency_code: str) -> str:
    """The name of an agency's group on every platform."""
    return f"pd-{agency_code}"


def user_id_of(agency_code: str, request_id: UUID) -> str:
    """The account's name, the same at every try and without a person's name.

    The last digits of the id, for the first ones are a clock in some kinds of UUID.
    """
    return f"{agency_code}.{request_id.hex[-8:]}"


def agency_of(user_id: str) -> str:
    """The inverse of `user_id_of`, as far as the agency goes."""
    return user_id.rpartition(".")[0]


def is_request_of(user_id: str, request_id: str) -> bool:
    """Whether the account's name was made from this request."""
    return request_id.replace("-", "").endswith(user_id.rpartition(".")[2])
