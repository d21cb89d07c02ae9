"""One request of one agency, as every service tells it: ids, times and facts for tests of the cores."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from shared.contracts.facts import clock, intake, notifier, provisioning, review
from shared.contracts.subjects import RequestSubject

REQUEST_ID = UUID("0192f3a0-0000-7000-8000-000000000001")
ADMINISTRATOR_ID = UUID("0192f3a0-0000-7000-8000-000000000002")
CONTACT_ID = UUID("0192f3a0-0000-7000-8000-000000000003")
LETTER_ID = UUID("0192f3a0-0000-7000-8000-000000000004")
APPOINTMENT_ID = UUID("0192f3a0-0000-7000-8000-000000000005")
TEXT_ID = UUID("0192f3a0-0000-7000-8000-000000000006")
OFFICER_ID = UUID("0192f3a0-0000-7000-8000-000000000007")
REGISTRAR_ID = UUID("0192f3a0-0000-7000-8000-000000000008")

# A Monday: the one working day ends on Tuesday the 24th, the breach is Wednesday 00:00 in Pontianak (UTC+7).
MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DUE_ON = date(2026, 11, 24)
BREACH_AT = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)

IDENTITY: dict[str, Any] = {
    "request_id": REQUEST_ID,
    "registration_number": "DC-2026-000123",
    "agency_code": "BAPPEDA",
    "kind": "open_account",
    "administrator_id": ADMINISTRATOR_ID,
    "contact_id": CONTACT_ID,
}
ACCOUNT: dict[str, Any] = {"platform": "scim", "user_id": "dc-bappeda-7f3a", "group": "pd-bappeda"}


def submitted(**other: object) -> intake.RequestSubmitted:
    return intake.RequestSubmitted.model_validate(
        IDENTITY
        | {"received_at": MONDAY, "registered_at": MONDAY, "letter_id": LETTER_ID}
        | {"appointment_id": APPOINTMENT_ID, "registered_by": REGISTRAR_ID}
        | other
    )


def resubmitted(cycle: int = 2) -> intake.RequestResubmitted:
    return intake.RequestResubmitted(
        **IDENTITY, cycle=cycle, received_at=MONDAY, registered_at=MONDAY, letter_id=LETTER_ID
    )


def withdrawn() -> intake.RequestWithdrawn:
    return intake.RequestWithdrawn(**IDENTITY, withdrawn_at=MONDAY)


def set_aside() -> intake.RequestSetAside:
    return intake.RequestSetAside(**IDENTITY, set_aside_at=MONDAY, officer_id=OFFICER_ID)


def reviewed(outcome: str = "approved", **other: object) -> review.RequestReviewed:
    said = {"cycle": 1, "outcome": outcome, "officer_id": OFFICER_ID, "reviewed_at": MONDAY}
    return review.RequestReviewed.model_validate(IDENTITY | said | other)


def activated() -> provisioning.AccountActivated:
    return provisioning.AccountActivated(**IDENTITY, **ACCOUNT, activated_at=MONDAY)


def replaced() -> provisioning.AdministratorReplaced:
    said: dict[str, Any] = {
        "platform": "scim",
        "user_id": "dc-bappeda-new",
        "group": "pd-bappeda",
        "replaced_user_id": "dc-bappeda-old",
    }
    return provisioning.AdministratorReplaced(**IDENTITY, **said, replaced_at=MONDAY)


def activation_failed() -> provisioning.AccountActivationFailed:
    said: dict[str, Any] = {"platform": "scim", "reason_code": "platform_down", "attempts": 8}
    return provisioning.AccountActivationFailed(**IDENTITY, **said, failed_at=MONDAY)


def confirmed(sent_at: datetime = MONDAY) -> notifier.ConfirmationSent:
    number = "000.8/17/DISKOMINFO-C/2026"
    return notifier.ConfirmationSent(**IDENTITY, letter_number=number, sent_at=sent_at)


def deadline_set(cycle: int = 1) -> clock.DeadlineSet:
    return clock.DeadlineSet(
        **_deadline(cycle), received_at=MONDAY, calendar_version=1, provisional=False
    )


def deadline_breached(cycle: int = 1) -> clock.DeadlineBreached:
    return clock.DeadlineBreached(**_deadline(cycle))


def breach_revoked(cycle: int = 1) -> clock.DeadlineBreachRevoked:
    return clock.DeadlineBreachRevoked(**_deadline(cycle), stopped_at=MONDAY)


def _deadline(cycle: int) -> dict[str, Any]:
    subject = RequestSubject(**IDENTITY)
    when = {"due_on": DUE_ON, "breach_at": BREACH_AT}
    return {"subject": subject, "name": "confirmation", "cycle": cycle} | when
