"""The cloud platform: port (`port.py`), adapters (`scim.py`), and the bounded HTTP they share."""

from services.provisioning.effects.bounded_http import BoundedHttp
from services.provisioning.effects.port import (
    AccountReadBack,
    AccountWanted,
    Platform,
    PlatformConflict,
    PlatformRefused,
    PlatformTrouble,
    PlatformUnauthorised,
    PlatformUnavailable,
    user_id_of,
)
from services.provisioning.effects.scim import SCIM_MEDIA_TYPE, ScimPlatform

__all__ = [
    "SCIM_MEDIA_TYPE",
    "AccountReadBack",
    "AccountWanted",
    "BoundedHttp",
    "Platform",
    "PlatformConflict",
    "PlatformRefused",
    "PlatformTrouble",
    "PlatformUnauthorised",
    "PlatformUnavailable",
    "ScimPlatform",
    "user_id_of",
]
