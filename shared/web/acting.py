"""Who acts on which case: its id, the code that opens it, the officer's signature, the mark of a repeated request.

Promise P9: an officer acts by role, a PD or complainant by tracking code; an unknown id and a wrong code look alike.
"""

from uuid import UUID

from shared.event_sourcing.unit_of_work import Idempotency
from shared.people.persons import Personal, officer_row
from shared.web.problems import not_found
from shared.web.sign_in import Officer, Role
from shared.web.tracking import CaseKind, TrackingKeys


def identified(case_id: str) -> UUID:
    """The id of a path; what is none names no case (404)."""
    try:
        return UUID(case_id)
    except ValueError:
        raise not_found() from None


def opened(
    case_id: str, kind: CaseKind, keys: TrackingKeys, code: str | None, officer: Officer | None = None, *roles: Role
) -> UUID:  # fmt: skip
    """The id, if the code is the case's or the officer has one of the roles; else it does not exist (404)."""
    found = identified(case_id)
    if (officer is not None and officer.has_role(*roles)) or keys.opens(code, kind, found):
        return found
    raise not_found()


def actor(officer: Officer | None) -> str:
    """Who acted, for the event's metadata; never a name."""
    return str(officer.officer_id) if officer else "public"


def signature(officer: Officer | None) -> Personal:
    """Name and subject of the officer, to be stored with the act, beside the events."""
    if officer is None:
        return Personal()
    return officer_row(officer.officer_id, officer.issuer, officer.subject, officer.name)


def idempotency(
    keys: TrackingKeys, kind: CaseKind, key: str | None, content: bytes
) -> Idempotency | None:
    """How the same request is known again; neither the key nor the content is stored."""
    if key is None:
        return None
    return Idempotency(keys.key_mark(kind, key), keys.body_mark(kind, content))
