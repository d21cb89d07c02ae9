"""What provisioning knows of an agency: its administrator, and each request that wanted an account."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import UUID

from services.provisioning.commands import DroppedBecause, Subject
from services.provisioning.events import (
    AccountActivated,
    AccountSuspended,
    ActivationAbandoned,
    ActivationFailed,
    ActivationRequested,
    AdministratorReplaced,
    Event,
    RequestDropped,
    SuspensionRequested,
)

Phase = Literal["known", "wanted", "active", "suspending", "suspended", "abandoned"]


@dataclass(frozen=True, slots=True)
class Account:
    """One request's account. `user_id` is known from its activation on; `reason_code` of the last failure told."""

    subject: Subject
    phase: Phase
    user_id: str | None = None
    reason_code: str | None = None
    dropped: DroppedBecause | None = None


@dataclass(frozen=True, slots=True)
class Agency:
    """All accounts of one agency; `administrator` is the user that may act for it now."""

    accounts: Mapping[UUID, Account] = field(default_factory=dict)
    administrator: str | None = None


State = Agency


def initial() -> State:
    """An agency nobody has asked anything for."""
    return Agency()


def evolve(state: State, event: Event) -> State:
    """The state after the event."""
    match event:
        case ActivationRequested(subject=subject):
            return _with(state, Account(subject, "wanted"))
        case RequestDropped(subject=subject, because=because):
            known = state.accounts.get(subject.request_id) or Account(subject, "known")
            return _with(state, replace(known, dropped=because))
        case AccountActivated() | AdministratorReplaced():
            account = replace(
                state.accounts[event.request_id], phase="active", user_id=event.user_id
            )
            return replace(_with(state, account), administrator=event.user_id)
        case ActivationFailed():
            return _with(
                state, replace(state.accounts[event.request_id], reason_code=event.reason_code)
            )
        case SuspensionRequested():
            account = replace(
                state.accounts[event.request_id], phase="suspending", user_id=event.user_id
            )
            return _with(state, account)
        case AccountSuspended():
            account = replace(
                state.accounts[event.request_id], phase="suspended", user_id=event.user_id
            )
            left = None if state.administrator == event.user_id else state.administrator
            return replace(_with(state, account), administrator=left)
        case ActivationAbandoned():
            return _with(state, replace(state.accounts[event.request_id], phase="abandoned"))
        case _:
            assert_never(event)


def _with(state: State, account: Account) -> State:
    return replace(state, accounts={**state.accounts, account.subject.request_id: account})
