"""provisioning's settings: which cloud platform, where, and the file with its token."""

from typing import Literal

from pydantic import Field

from shared.operations.settings import CommonSettings, ReadableFile, WebAddress


class Settings(CommonSettings):
    """The token is read from its file at each call, so that it can be changed without a restart."""

    platform_kind: Literal["scim"] = "scim"
    platform_url: WebAddress
    platform_token_file: ReadableFile
    platform_calls_at_once: int = Field(default=4, ge=1, le=50)
