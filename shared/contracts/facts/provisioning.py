"""What provisioning says of an agency's account, on datacloud.accounts.v1, keyed by the agency's code."""

from shared.contracts.fact import Code, Count, Instant, PlatformKey
from shared.contracts.subjects import RequestFact


class AccountActivated(RequestFact):
    """The account was made and read back from the platform: the confirmation may be sent now, and not before."""

    platform: Code
    user_id: PlatformKey
    group: PlatformKey
    activated_at: Instant


class AccountActivationFailed(RequestFact):
    """The platform did not give the account. Work goes on: an AccountActivated may follow, and then stands."""

    platform: Code
    reason_code: Code
    failed_at: Instant
    attempts: Count


class AdministratorReplaced(RequestFact):
    """The new administrator's user was read back and the former one's is disabled: the confirmation may be sent now.

    `group` is the agency's space, as in AccountActivated.
    """

    platform: Code
    user_id: PlatformKey
    group: PlatformKey
    replaced_user_id: PlatformKey
    replaced_at: Instant


class AccountSuspended(RequestFact):
    """A user made for this request is disabled again, because the request was withdrawn or set aside meanwhile."""

    platform: Code
    user_id: PlatformKey
    reason_code: Code
    suspended_at: Instant
