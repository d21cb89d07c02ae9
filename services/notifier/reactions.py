"""A fact anywhere -> who is told what, and when. The one table of notifications."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from services.notifier.commands import (
    Command,
    Confirm,
    DropBreachMails,
    EndCorrespondence,
    Notification,
    Notify,
    Recipient,
    Role,
    Subject,
)
from services.notifier.state import Confirmation, Letter
from shared.contracts.facts import clock, intake, provisioning, review
from shared.contracts.registry import Fact
from shared.contracts.subjects import (
    ComplaintSubject,
    RequestFact,
    RequestSubject,
)
from shared.event_sourcing.decider import To
from shared.working_time.calendar import WorkingCalendar
from shared.working_time.office_times import next_mail_time

NAMESPACE = UUID("6f1b1f0e-52a5-5c0e-9d67-0b7a54f0c0de")

AboutRequest = RequestFact | RequestSubject


def react(fact: Fact, at: datetime, calendar: WorkingCalendar) -> Iterable[To[Command]]:
    """The subject's stream is named by the fact alone; what nobody is told answers nothing."""
    if isinstance(fact, RequestFact):
        return _about_request(fact, at)
    if isinstance(fact, clock.DeadlineSet):
        return _clock_started(fact, at)
    if isinstance(fact, clock.DeadlineBreached):
        return _breached(fact, at, calendar)
    if isinstance(fact, clock.DeadlineBreachRevoked):
        return [To(str(fact.subject.subject_id), DropBreachMails(fact.cycle))]
    return []


def _about_request(fact: RequestFact, at: datetime) -> Iterable[To[Command]]:
    stream = str(fact.request_id)
    match fact:
        case review.RequestReviewed(outcome="returned"):
            return [
                To(stream, Notify((_to_contact("request_returned", fact, at, **_reason(fact)),)))
            ]
        case review.RequestReviewed(outcome="rejected"):
            return [
                To(stream, Notify((_to_contact("request_rejected", fact, at, **_reason(fact)),)))
            ]
        case provisioning.AccountActivated():
            done_at = fact.activated_at
            return [To(stream, Confirm(_subject(fact), fact.user_id, fact.group, done_at, at))]
        case provisioning.AdministratorReplaced():
            done_at = fact.replaced_at
            return [To(stream, Confirm(_subject(fact), fact.user_id, fact.group, done_at, at))]
        case provisioning.AccountActivationFailed():
            told = _to_role(
                "activation_failed", "operator", fact, at,
                reason_code=fact.reason_code, platform=fact.platform, failed_at=_iso(fact.failed_at),
                attempts=str(fact.attempts),
            )  # fmt: skip
            return [To(stream, Notify((told,)))]
        case intake.RequestWithdrawn():
            return [
                To(
                    stream,
                    EndCorrespondence(
                        _to_contact(
                            "request_withdrawn", fact, at, withdrawn_at=_iso(fact.withdrawn_at)
                        )
                    ),
                )
            ]
        case intake.RequestSetAside():
            return [
                To(
                    stream,
                    EndCorrespondence(
                        _to_contact(
                            "request_set_aside", fact, at, set_aside_at=_iso(fact.set_aside_at)
                        )
                    ),
                )
            ]
        case _:
            return []


def _clock_started(fact: clock.DeadlineSet, at: datetime) -> Iterable[To[Command]]:
    """A filing is told when its due date is known: number, code and date to who filed it, the work to the officers.

    A completed file of a request is told again, for its contact and due date may be new ones.
    """
    subject = fact.subject
    person_id: UUID | None
    dates = {
        "cycle": str(fact.cycle),
        "due_on": fact.due_on.isoformat(),
        "breach_at": _iso(fact.breach_at),
        "received_at": _iso(fact.received_at),
    }
    if isinstance(subject, RequestSubject):
        officers = _to_role("new_request_for_reviewers", "reviewer", subject, at, **dates)
        template, person_id = "request_received", subject.contact_id
    else:
        officers = _to_role("new_complaint_for_officers", "complaint-officer", subject, at, **dates)
        first = subject.complainant_id if fact.cycle == 1 else None
        template, person_id = "complaint_received", first
    told = [officers]
    if person_id is not None:
        told.insert(0, _notification(template, Recipient(person_id=person_id), subject, at, dates))
    return [To(str(subject.subject_id), Notify(tuple(told)))]


def _breached(
    fact: clock.DeadlineBreached, at: datetime, calendar: WorkingCalendar
) -> Iterable[To[Command]]:
    """DOMAIN section 4 rule 10: the fact bears the midnight, its mails go at the next 08:00 of a working day."""
    subject = fact.subject
    is_request = isinstance(subject, RequestSubject)
    template = "request_breached" if is_request else "complaint_breached"
    roles: Sequence[Role] = ("reviewer", "head") if is_request else ("complaint-officer",)
    send_at = next_mail_time(calendar, max(at, fact.breach_at))
    told = tuple(
        _to_role(
            template, role, subject, send_at,
            cycle=str(fact.cycle), due_on=fact.due_on.isoformat(), breach_at=_iso(fact.breach_at),
        )
        for role in roles
    )  # fmt: skip
    return [To(str(subject.subject_id), Notify(told))]


def confirmation_mail(confirmation: Confirmation, letter: Letter) -> Notification:
    """The mail that carries the confirmation letter; one id per letter, and so per request."""
    values = {
        "letter_id": str(letter.letter_id),
        "letter_number": letter.letter_number,
        "activated_at": _iso(confirmation.activated_at),
        "user_id": confirmation.user_id,
        "group": confirmation.group,
    }
    recipient = Recipient(person_id=confirmation.subject.contact_id)
    return _notification(
        "request_confirmed", recipient, confirmation.subject, letter.numbered_at, values
    )


def _to_contact(template: str, fact: RequestFact, at: datetime, **more: str) -> Notification:
    return _notification(template, Recipient(person_id=fact.contact_id), fact, at, more)


def _to_role(
    template: str, role: Role, about: AboutRequest | ComplaintSubject, at: datetime, **more: str
) -> Notification:
    return _notification(template, Recipient(role=role), about, at, more)


def _notification(
    template: str,
    recipient: Recipient,
    about: AboutRequest | ComplaintSubject | Subject,
    send_at: datetime,
    more: dict[str, str],
) -> Notification:
    """The id follows from what is said to whom about what: the same fact again is the same notification."""
    if isinstance(about, ComplaintSubject):
        values = {
            "subject_id": str(about.complaint_id),
            "channel": about.channel,
            "confidential": str(about.confidential).lower(),
            **({"category": about.category} if about.category else {}),
            **({"complainant_id": str(about.complainant_id)} if about.complainant_id else {}),
        }
    else:
        values = {
            "subject_id": str(about.request_id),
            "agency_code": about.agency_code,
            "kind": about.kind,
            "administrator_id": str(about.administrator_id),
            "contact_id": str(about.contact_id),
        }
    values |= {"registration_number": about.registration_number, **more}
    said = ":".join(
        (
            template,
            str(recipient.person_id or recipient.role),
            *(f"{k}={v}" for k, v in sorted(values.items())),
        )
    )
    return Notification(uuid5(NAMESPACE, said), template, recipient, values, send_at)


def _reason(fact: review.RequestReviewed) -> dict[str, str]:
    reason = {"cycle": str(fact.cycle)}
    return reason | ({"text_id": str(fact.text_id)} if fact.text_id else {})


def _subject(fact: RequestFact) -> Subject:
    return Subject(
        fact.request_id,
        fact.registration_number,
        fact.agency_code,
        fact.kind,
        fact.administrator_id,
        fact.contact_id,
    )


def _iso(instant: datetime) -> str:
    return instant.isoformat()
