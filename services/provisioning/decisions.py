"""The law of an account: P8 (one account per approved request), and dropping wins in whatever order facts arrive."""

from collections.abc import Sequence
from typing import assert_never

from services.provisioning.commands import (
    Command,
    DropRequest,
    RecordActivation,
    RecordFailure,
    RecordSuspension,
    RequestActivation,
)
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
from services.provisioning.state import Account, State
from shared.event_sourcing.outcomes import Refused


def decide(command: Command, state: State) -> Sequence[Event]:
    """What happens when the command meets the state; raises Refused when it must not happen."""
    match command:
        case RequestActivation():
            return request_activation(command, state)
        case DropRequest():
            return drop(command, state)
        case RecordActivation():
            return record_activation(command, state)
        case RecordFailure():
            return record_failure(command, state)
        case RecordSuspension():
            return record_suspension(command, state)
        case _:
            assert_never(command)


def request_activation(command: RequestActivation, state: State) -> Sequence[Event]:
    """Once per request, and never for one that was dropped before the approval was heard."""
    if command.subject.request_id in state.accounts:
        return []
    return [ActivationRequested(command.subject, command.at)]


def drop(command: DropRequest, state: State) -> Sequence[Event]:
    """An account that stands is suspended. One being made is looked for by the work that makes it."""
    account = state.accounts.get(command.subject.request_id)
    if account and account.dropped:
        return []
    dropped = RequestDropped(command.subject, command.because, command.at)
    if account and account.phase == "active" and account.user_id:
        suspend = SuspensionRequested(command.subject.request_id, account.user_id, command.at)
        return [dropped, suspend]
    return [dropped]


def record_activation(command: RecordActivation, state: State) -> Sequence[Event]:
    """Dropped while the platform worked: the account is there and must go."""
    account = _known(state, command)
    if account.phase != "wanted":
        return []
    if account.dropped:
        return [SuspensionRequested(command.request_id, command.user_id, command.at)]
    if command.replaced_user_id:
        return [
            AdministratorReplaced(
                command.request_id,
                command.platform,
                command.user_id,
                command.group,
                command.replaced_user_id,
                command.at,
            )
        ]
    return [
        AccountActivated(
            command.request_id, command.platform, command.user_id, command.group, command.at
        )
    ]


def record_failure(command: RecordFailure, state: State) -> Sequence[Event]:
    """Told once per reason; the work goes on."""
    account = _known(state, command)
    if account.phase not in ("wanted", "suspending"):
        return []
    return [
        ActivationFailed(
            command.request_id,
            command.platform,
            command.reason_code,
            command.attempts,
            command.at,
            told=account.reason_code == command.reason_code or account.dropped is not None,
        )
    ]


def record_suspension(command: RecordSuspension, state: State) -> Sequence[Event]:
    """The dropped request has no enabled account: it was disabled, or there never was one."""
    account = _known(state, command)
    if account.phase not in ("wanted", "suspending"):
        return []
    if command.user_id is None:
        return [ActivationAbandoned(command.request_id, command.at)]
    return [AccountSuspended(command.request_id, command.platform, command.user_id, command.at)]


def _known(state: State, command: RecordActivation | RecordFailure | RecordSuspension) -> Account:
    account = state.accounts.get(command.request_id)
    if account is None:
        raise Refused("unknown_request")
    return account
