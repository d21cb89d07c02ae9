"""SCIM resources as we read them: the few attributes that matter, each of them checked."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.provisioning.effects.port import PlatformUnavailable


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Meta(_Read):
    created: str = ""
    version: str | None = None


class _Member(_Read):
    value: str


class ScimResource(_Read):
    resource_id: str = Field(alias="id", min_length=1)
    external_id: str | None = Field(alias="externalId", default=None)
    meta: _Meta = _Meta()

    def matches(self, attribute: str, value: str) -> bool:
        """Whether a search asked for this; only externalId minds case (RFC 7643 section 3.1)."""
        return attribute == "externalId" and self.external_id == value


class ScimUser(ScimResource):
    user_name: str = Field(alias="userName")
    active: bool = False

    def matches(self, attribute: str, value: str) -> bool:
        if attribute == "userName":
            return self.user_name.casefold() == value.casefold()
        return super().matches(attribute, value)


class ScimGroup(ScimResource):
    display_name: str | None = Field(alias="displayName", default=None)
    members: list[_Member] = []

    def matches(self, attribute: str, value: str) -> bool:
        if attribute == "displayName":
            return (self.display_name or "").casefold() == value.casefold()
        return super().matches(attribute, value)

    def holds(self, user: ScimUser) -> bool:
        """Whether the user is a member."""
        return any(member.value == user.resource_id for member in self.members)


R = TypeVar("R", bound=ScimResource)


def parsed(model: type[R], document: Any, etag: str | None = None) -> R:  # noqa: ANN401 - JSON
    try:
        resource = model.model_validate(document)
    except ValidationError:
        # from None: the error carries the document, and that names a person
        raise PlatformUnavailable("unexpected_answer") from None
    if etag is None:
        return resource
    return resource.model_copy(update={"meta": resource.meta.model_copy(update={"version": etag})})
