"""provisioning's own event -> at most one public fact."""

from typing import TypedDict, assert_never
from uuid import UUID

from services.provisioning import events
from services.provisioning.commands import RequestKind
from services.provisioning.events import Event
from services.provisioning.state import State
from shared.contracts.facts import provisioning
from shared.contracts.registry import Fact


class _Repeated(TypedDict):
    request_id: UUID
    registration_number: str
    agency_code: str
    kind: RequestKind
    administrator_id: UUID
    contact_id: UUID


def to_public(event: Event, state: State) -> Fact | None:
    """What the others are told."""
    match event:
        case events.AccountActivated():
            return provisioning.AccountActivated(
                **_ids(state, event.request_id),
                platform=event.platform,
                user_id=event.user_id,
                group=event.group,
                activated_at=event.activated_at,
            )
        case events.AdministratorReplaced():
            return provisioning.AdministratorReplaced(
                **_ids(state, event.request_id),
                platform=event.platform,
                user_id=event.user_id,
                group=event.group,
                replaced_user_id=event.replaced_user_id,
                replaced_at=event.replaced_at,
            )
        case events.ActivationFailed(told=False):
            return provisioning.AccountActivationFailed(
                **_ids(state, event.request_id),
                platform=event.platform,
                reason_code=event.reason_code,
                failed_at=event.failed_at,
                attempts=event.attempts,
            )
        case events.AccountSuspended():
            return provisioning.AccountSuspended(
                **_ids(state, event.request_id),
                platform=event.platform,
                user_id=event.user_id,
                reason_code=state.accounts[event.request_id].dropped or "withdrawn",
                suspended_at=event.suspended_at,
            )
        case (
            events.ActivationRequested()
            | events.RequestDropped()
            | events.ActivationFailed()
            | events.SuspensionRequested()
            | events.ActivationAbandoned()
        ):
            return None
        case _:
            assert_never(event)


def _ids(state: State, request_id: UUID) -> _Repeated:
    subject = state.accounts[request_id].subject
    return {
        "request_id": subject.request_id,
        "registration_number": subject.registration_number,
        "agency_code": subject.agency_code,
        "kind": subject.kind,
        "administrator_id": subject.administrator_id,
        "contact_id": subject.contact_id,
    }
