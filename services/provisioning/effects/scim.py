"""A cloud platform that speaks SCIM 2.0 (RFC 7643, 7644).

Our mark is the externalId: of a user the request id, of a group its own name. What carries another mark is left alone.
Neither externalId nor the name of a group is unique on real servers (scim2-server keeps only userName unique), so a
group is looked for again after it was created, and whoever created the surplus one takes it away again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Meta(_Read):
    created: str = ""
    version: str | None = None


class _Member(_Read):
    value: str


class _Resource(_Read):
    resource_id: str = Field(alias="id", min_length=1)
    external_id: str | None = Field(alias="externalId", default=None)
    meta: _Meta = _Meta()

    def matches(self, attribute: str, value: str) -> bool:
        """Whether the resource is what a search asked for; only externalId minds the case (RFC 7643 section 3.1)."""
        return attribute == "externalId" and self.external_id == value


class _User(_Resource):
    user_name: str = Field(alias="userName")
    active: bool = False

    def matches(self, attribute: str, value: str) -> bool:
        if attribute == "userName":
            return self.user_name.casefold() == value.casefold()
        return super().matches(attribute, value)


class _Group(_Resource):
    display_name: str | None = Field(alias="displayName", default=None)
    members: list[_Member] = []

    def matches(self, attribute: str, value: str) -> bool:
        if attribute == "displayName":
            return (self.display_name or "").casefold() == value.casefold()
        return super().matches(attribute, value)

    def holds(self, user: _User) -> bool:
        return any(member.value == user.resource_id for member in self.members)


R = TypeVar("R", bound=_Resource)


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
            found = await self._read_back(user.user_name)
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
        groups = await self._search("Groups", "externalId", space, _Group)
        in_group = False
        for group in groups:
            in_group = in_group or (await self._fresh(group)).holds(user)
        return AccountReadBack(user.user_name, space, user.active, in_group)

    @asynccontextmanager
    async def _turn(self, agency_code: str) -> AsyncIterator[None]:
        """One agency's calls one after the other, and all of a verb within its time."""
        lock = self._locks.setdefault(agency_code, asyncio.Lock())
        try:
            async with asyncio.timeout(self._verb_seconds_max), lock:
                yield
        except TimeoutError:
            raise PlatformUnavailable("timed_out") from None

    async def _find(self, account: AccountWanted) -> _User | None:
        wanted = user_id_of(account.agency_code, account.request_id)
        found = await self._search("Users", "externalId", str(account.request_id), _User)
        if len(found) > 1:
            raise PlatformConflict("account_ambiguous", *(user.user_name for user in found))
        if found and found[0].user_name.casefold() != wanted.casefold():
            raise PlatformConflict("account_renamed", wanted, found[0].user_name)
        if not found and await self._named(wanted) is not None:
            raise PlatformConflict("account_not_ours", wanted)
        return found[0] if found else None

    async def _create(self, account: AccountWanted) -> _User:
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
            return _parsed(_User, _accepted(answer).document)
        found = await self._find(account)
        if found is None:
            raise PlatformConflict("uniqueness")
        return found

    async def _named(self, user_id: str) -> _User | None:
        found = await self._search("Users", "userName", user_id, _User)
        return found[0] if found else None

    async def _group(self, name: str) -> _Group:
        """The one group of that name, made if need be, also when two processes make it at the same moment."""
        for _ in range(ROUNDS_MAX):
            groups = await self._search("Groups", "externalId", name, _Group)
            if len(groups) == 1:
                return groups[0]
            if groups:
                await self._drop_surplus(groups)
                continue
            if await self._search("Groups", "displayName", name, _Group):
                raise PlatformConflict("space_not_ours", name)
            document = {"schemas": [_GROUP], "displayName": name, "externalId": name}
            answer = await self._http.call("POST", "Groups", document=document)
            if answer.status != HTTPStatus.CONFLICT:
                _accepted(answer)
        raise PlatformUnavailable("space_unsettled")

    async def _drop_surplus(self, groups: list[_Group]) -> None:
        """Keep the group with members, else the oldest; everybody comes to the same choice. Only empty ones go."""
        fresh = [await self._fresh(group) for group in groups]
        _, *surplus = sorted(
            fresh, key=lambda group: (not group.members, group.meta.created, group.resource_id)
        )
        if any(group.members for group in surplus):
            raise PlatformConflict("space_ambiguous", *(group.resource_id for group in groups))
        for group in surplus:
            answer = await self._http.call(
                "DELETE", _path("Groups", group), if_match=group.meta.version
            )
            if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}:
                _accepted(answer)

    async def _join(self, user: _User, space: str) -> None:
        for _ in range(ROUNDS_MAX):
            group = await self._fresh(await self._group(space))
            if group.holds(user):
                return
            change = {"op": "add", "path": "members", "value": [{"value": user.resource_id}]}
            await self._patch("Groups", group, change)
        raise PlatformUnavailable("space_unsettled")

    async def _patch(self, kind: str, resource: _Resource, change: dict[str, Any]) -> None:
        """Once, if nobody was faster. The caller looks again, whatever came of it."""
        answer = await self._http.call(
            "PATCH",
            _path(kind, resource),
            document={"schemas": [_PATCH], "Operations": [change]},
            if_match=resource.meta.version,
        )
        lost = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
        if answer.status not in lost:
            _accepted(answer)

    async def _fresh(self, group: _Group) -> _Group:
        """The group with its members: a list may leave them out. One that has gone meanwhile has none."""
        answer = await self._http.call("GET", _path("Groups", group))
        if answer.status == HTTPStatus.NOT_FOUND:
            return group.model_copy(update={"members": []})
        return _parsed(_Group, _accepted(answer).document, answer.etag)

    async def _search(self, kind: str, attribute: str, value: str, model: type[R]) -> list[R]:
        """Filters once more here: some servers answer a filter they do not know with everybody."""
        literal = orjson.dumps(value).decode()
        answer = await self._http.call("GET", kind, query={"filter": f"{attribute} eq {literal}"})
        if answer.status == HTTPStatus.NOT_FOUND:
            raise PlatformUnavailable("endpoint_missing")
        listed = _accepted(answer).document.get("Resources", [])
        if not isinstance(listed, list):
            raise PlatformUnavailable("unexpected_answer")
        found = [_parsed(model, resource) for resource in listed]
        return [resource for resource in found if resource.matches(attribute, value)]


def _path(kind: str, resource: _Resource) -> str:
    return f"{kind}/{quote(resource.resource_id, safe='')}"


def _accepted(answer: Answer) -> Answer:
    if answer.succeeded:
        return answer
    scim_type = answer.document.get("scimType")
    code = _REASONS.get(scim_type, "refused") if isinstance(scim_type, str) else "refused"
    raise PlatformRefused(f"{code}_{answer.status}" if code == "refused" else code)


def _parsed(model: type[R], document: Any, etag: str | None = None) -> R:  # noqa: ANN401 - JSON
    try:
        resource = model.model_validate(document)
    except ValidationError:
        # from None: the error carries the document, and that names a person
        raise PlatformUnavailable("unexpected_answer") from None
    if etag is None:
        return resource
    return resource.model_copy(update={"meta": resource.meta.model_copy(update={"version": etag})})
