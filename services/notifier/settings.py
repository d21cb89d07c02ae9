"""notifier's settings: the mail server, who gets officers' mails, who signs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.notifier.commands import Role
from services.notifier.effects.letter import letter_number
from shared.operations.settings import ReadableFile, SecretKeepingSettings


def _usable_pattern(pattern: str) -> str:
    letter_number(pattern, 1, 2026)
    return pattern


class Settings(SecretKeepingSettings):
    """`recipients` is JSON: {"reviewer": ["a@…"], …}; a role without addresses cannot be told anything."""

    smtp_host: str
    smtp_port: int = Field(ge=1, le=65535)
    smtp_starttls: bool = False
    smtp_ca_file: ReadableFile | None = None
    smtp_username: str | None = None
    smtp_password_file: ReadableFile | None = None
    mail_from: str
    mail_domain: str
    mails_at_once: int = Field(default=4, ge=1, le=50)
    recipients: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    signer_name: str
    signer_rank: str
    signer_nip: str
    letter_number_pattern: Annotated[str, AfterValidator(_usable_pattern)] = (
        "000.8/{number}/DISKOMINFO-C/{year}"
    )
