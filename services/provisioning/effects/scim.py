"""A cloud platform that speaks SCIM 2.0 (RFC 7643, 7644).

Our mark is the externalId: of a user the request id, of a group its own name. What carries another
mark is left alone. Neither externalId nor the name of a group is unique on real servers
(scim2-server keeps only userName unique), so a group is looked for again after it was created, and
a surplus one is taken away while it is empty.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

import orjson

from services.provisioning.effects.bounded_http import Answer, BoundedHttp
from services.provisioning.effects.port import (
    AccountReadBack,
    AccountWanted,
    PlatformConflict,
    PlatformRefused,
    PlatformUnavailable,
    agency_of,
    is_request_of,
    space_of,
    user_id_of,
)
from services.provisioning.effects.scim_resources import (
    R,
    ScimGroup,
    ScimResource,
    ScimUser,
    parsed,
)

SCIM_MEDIA_TYPE = "application/scim+json"
VERB_SECONDS_MAX = 20.0
"""Below the 25 seconds after which the scheduler gives an effect up."""
ROUNDS_MAX = 6
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_REASONS = {
    "invalidValue": "invalid_value",
    "invalidSyntax": "invalid_syntax",
    "invalidFilter": "invalid_filter",
    "invalidPath": "invalid_path",
    "noTarget": "no_target",
    "mutability": "mutability",
    "tooMany": "too_many",
    "uniqueness": "uniqueness",
}
"""The scimType values of RFC 7644 section 3.12, table 9, as our reason codes."""


class ScimPlatform:
    """`http` points to the base of the SCIM endpoints (`…/v2`)."""

    name = "scim"

    def __init__(self, http: BoundedHttp, *, verb_seconds_max: float = VERB_SECONDS_MAX) -> None:
        self._http, self._verb_seconds_max = http, verb_seconds_max
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ensure_space(self, agency_code: str) -> str:
        """Promised in `Platform`."""
        async with self._turn(agency_code):
            await self._group(space_of(agency_code))
        return space_of(agency_code)

    async def ensure_administrator(self, account: AccountWanted) -> AccountReadBack:
        """Promised in `Platform`."""
        async with self._turn(account.agency_code):
            user = await self._find(account) or await self._create(account)
            if not user.active:
                raise PlatformConflict("account_inactive", user.user_name)
            await self._join(user, space_of(account.agency_code))
            found = await self._read_back(user_id_of(account.agency_code, account.request_id))
        if found is None or not found.usable:
            raise PlatformUnavailable("read_back_differs")
        return found

    async def suspend(self, user_id: str) -> AccountReadBack | None:
        """Promised in `Platform`."""
        async with self._turn(agency_of(user_id)):
            for _ in range(ROUNDS_MAX):
                user = await self._named(user_id)
                if user is None:
                    return None
                if not is_request_of(user_id, user.external_id or "-"):
                    raise PlatformConflict("account_not_ours", user_id)
                if not user.active:
                    return await self._read_back(user_id)
                change = {"op": "replace", "path": "active", "value": False}
                await self._patch("Users", user, change)
        raise PlatformUnavailable("account_unsettled")

    async def read_back(self, user_id: str) -> AccountReadBack | None:
        """Promised in `Platform`."""
        async with self._turn(agency_of(user_id)):
            return await self._read_back(user_id)

    async def _read_back(self, user_id: str) -> AccountReadBack | None:
        user = await self._named(user_id)
        if user is None:
            return None
        space = space_of(agency_of(user_id))
        groups = await self._search("Groups", "externalId", space, ScimGroup)
        in_group = False
        for listed in groups:
            group = await self._fresh(listed)
            in_group = in_group or (group is not None and group.holds(user))
        return AccountReadBack(user_id, space, user.active, in_group)

    @asynccontextmanager
    async def _turn(self, agency_code: str) -> AsyncIterator[None]:
        """One agency's calls one after the other, and all of a verb within its time."""
        lock = self._locks.setdefault(agency_code, asyncio.Lock())
        try:
            async with asyncio.timeout(self._verb_seconds_max), lock:
                yield
        except TimeoutError:
            raise PlatformUnavailable("timed_out") from None

    async def _find(self, account: AccountWanted) -> ScimUser | None:
        wanted = user_id_of(account.agency_code, account.request_id)
        found = await self._search("Users", "externalId", str(account.request_id), ScimUser)
        if len(found) > 1:
            raise PlatformConflict("account_ambiguous", *(user.user_name for user in found))
        if found and found[0].user_name.casefold() != wanted.casefold():
            raise PlatformConflict("account_renamed", wanted, found[0].user_name)
        if found:
            return found[0]
        named = await self._named(wanted)
        if named is not None and named.external_id != str(account.request_id):
            raise PlatformConflict("account_not_ours", wanted)
        return named

    async def _create(self, account: AccountWanted) -> ScimUser:
        answer = await self._http.call(
            "POST",
            "Users",
            document={
                "schemas": [_USER],
                "userName": user_id_of(account.agency_code, account.request_id),
                "externalId": str(account.request_id),
                "active": True,
                "displayName": account.display_name,
                "emails": [{"value": account.email, "type": "work", "primary": True}],
            },
        )
        if answer.status != HTTPStatus.CONFLICT:
            return parsed(ScimUser, _accepted(answer).document)
        found = await self._find(account)
        if found is None:
            raise PlatformConflict("uniqueness")
        return found

    async def _named(self, user_id: str) -> ScimUser | None:
        found = await self._search("Users", "userName", user_id, ScimUser)
        return found[0] if found else None

    async def _group(self, name: str) -> ScimGroup:
        """The one group of that name, also when two processes make it at the same moment."""
        for _ in range(ROUNDS_MAX):
            groups = await self._search("Groups", "externalId", name, ScimGroup)
            if len(groups) == 1:
                return groups[0]
            if groups:
                await self._drop_surplus(groups)
                continue
            if await self._search("Groups", "displayName", name, ScimGroup):
                raise PlatformConflict("space_not_ours", name)
            document = {"schemas": [_GROUP], "displayName": name, "externalId": name}
            answer = await self._http.call("POST", "Groups", document=document)
            if answer.status != HTTPStatus.CONFLICT:
                _accepted(answer)
        raise PlatformUnavailable("space_unsettled")

    async def _drop_surplus(self, groups: list[ScimGroup]) -> None:
        """Keep the group with members, else the oldest: everybody's choice. Only empty ones go."""
        fresh = [await self._fresh(group) for group in groups]
        _, *surplus = sorted(
            (group for group in fresh if group is not None),
            key=lambda group: (not group.members, group.meta.created, group.resource_id),
        )
        if any(group.members for group in surplus):
            raise PlatformConflict("space_ambiguous", *(group.resource_id for group in groups))
        for group in surplus:
            answer = await self._http.call(
                "DELETE", _path("Groups", group), if_match=group.meta.version
            )
            if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}:
                _accepted(answer)

    async def _join(self, user: ScimUser, space: str) -> None:
        for _ in range(ROUNDS_MAX):
            group = await self._fresh(await self._group(space))
            if group is None:
                continue
            if group.holds(user):
                return
            change = {"op": "add", "path": "members", "value": [{"value": user.resource_id}]}
            if await self._patch("Groups", group, change):
                return
        raise PlatformUnavailable("space_unsettled")

    async def _patch(self, kind: str, resource: ScimResource, change: dict[str, Any]) -> bool:
        """False if somebody was faster: look again. True is the platform's word, not yet proof."""
        answer = await self._http.call(
            "PATCH",
            _path(kind, resource),
            document={"schemas": [_PATCH], "Operations": [change]},
            if_match=resource.meta.version,
        )
        lost = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
        return answer.status not in lost and _accepted(answer).succeeded

    async def _fresh(self, group: ScimGroup) -> ScimGroup | None:
        """The group with its members, which a list may leave out; None if it has gone meanwhile."""
        answer = await self._http.call("GET", _path("Groups", group))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return parsed(ScimGroup, _accepted(answer).document, answer.etag)

    async def _search(self, kind: str, attribute: str, value: str, model: type[R]) -> list[R]:
        """Filters once more here: some servers answer a filter they do not know with everybody."""
        literal = orjson.dumps(value).decode()
        answer = await self._http.call("GET", kind, query={"filter": f"{attribute} eq {literal}"})
        if answer.status == HTTPStatus.NOT_FOUND:
            raise PlatformUnavailable("endpoint_missing")
        listed = _accepted(answer).document.get("Resources", [])
        if not isinstance(listed, list):
            raise PlatformUnavailable("unexpected_answer")
        found = [parsed(model, resource) for resource in listed]
        return [resource for resource in found if resource.matches(attribute, value)]


def _path(kind: str, resource: ScimResource) -> str:
    return f"{kind}/{quote(resource.resource_id, safe='')}"


def _accepted(answer: Answer) -> Answer:
    if answer.succeeded:
        return answer
    scim_type = answer.document.get("scimType")
    code = _REASONS.get(scim_type, "refused") if isinstance(scim_type, str) else "refused"
    raise PlatformRefused(f"{code}_{answer.status}" if code == "refused" else code)
