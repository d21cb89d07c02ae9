"""Who the officer is and what he may do, asked at the moment of each act (P9).

Routes take one of these as a parameter:
    officer: SignedInOfficer                                    401 without a valid token
    officer: OptionalOfficer                                    None without one, 401 with a bad one
    officer: Annotated[Officer, Depends(require_role("head"))]  403 without the role
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Protocol
from uuid import UUID, uuid5

import structlog
from fastapi import Depends
from starlette.requests import Request

from shared.web.problems import Problem, problem

Role = Literal["front-desk", "reviewer", "complaint-officer", "head", "operator"]
ROLES: Final[frozenset[str]] = frozenset(
    {"front-desk", "reviewer", "complaint-officer", "head", "operator"}
)
# Never to be changed: every officer_id in events and facts is derived from it.
OFFICERS: Final = UUID("6f1d3b0e-5c0a-5b52-9a57-2f4d8f0c9e11")
# Wider than RFC 6750, 2.1, yet nothing that could break the header it is sent on in.
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}", re.ASCII)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Officer:
    """An authenticated person. Only `officer_id` may enter an event, a fact or a log."""

    officer_id: UUID
    issuer: str
    subject: str
    name: str
    roles: frozenset[str]

    def has_role(self, *roles: Role) -> bool:
        """Whether one of these roles is among his."""
        return not self.roles.isdisjoint(roles)


def officer_id(issuer: str, subject: str) -> UUID:
    """The same in every service, and nothing of the person can be read from it."""
    return uuid5(OFFICERS, f"{issuer} {subject}")


class NotSignedIn(Exception):  # noqa: N818 - an outcome, not a fault of the program
    """The token is no valid one. `reason` is a snake_case code for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Identity(Protocol):
    """Knows the officer behind a bearer token."""

    async def officer(self, token: str) -> Officer:
        """Raises NotSignedIn, or Unavailable when the identity provider is away."""
        ...


async def optional_officer(request: Request) -> Officer | None:
    """The officer, or None when no credentials were sent. Raises a Problem (401) for bad ones."""
    sent = request.headers.getlist("authorization")
    if not sent:
        return None
    scheme, _, token = sent[0].strip(" ").partition(" ")
    token = token.strip(" ")
    if len(sent) > 1 or scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise _not_signed_in("invalid_request")
    identity: Identity = request.app.state.identity
    try:
        return await identity.officer(token)
    except NotSignedIn as refused:
        log.info("token_refused", reason=refused.reason)
        raise _not_signed_in("invalid_token") from None


async def signed_in(request: Request) -> Officer:
    """The officer. Raises a Problem (401) without one."""
    officer = await optional_officer(request)
    if officer is None:
        raise _not_signed_in()
    return officer


def require_role(*roles: Role) -> Callable[[Request], Awaitable[Officer]]:
    """A dependency: the officer with one of these roles. Raises a Problem (401, 403)."""

    async def officer_with_role(request: Request) -> Officer:
        officer = await signed_in(request)
        if not officer.has_role(*roles):
            log.info("role_missing", officer_id=str(officer.officer_id), needed=roles)
            challenge = 'Bearer realm="datacloud", error="insufficient_scope"'
            raise problem(403, headers={"WWW-Authenticate": challenge})
        return officer

    return officer_with_role


SignedInOfficer = Annotated[Officer, Depends(signed_in)]
OptionalOfficer = Annotated[Officer | None, Depends(optional_officer)]


def _not_signed_in(error: str | None = None) -> Problem:
    challenge = 'Bearer realm="datacloud"' + (f', error="{error}"' if error else "")
    return problem(401, headers={"WWW-Authenticate": challenge})
