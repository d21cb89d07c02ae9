"""What every service process is told from outside: environment variables, prefix DATACLOUD_.

A process told something wrong does not start, and says which variable and why, never the value.
"""

import os
import stat
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.operations import kill_points

PREFIX = "DATACLOUD_"


class SettingsRefused(SystemExit):
    """The process must not start: each variable with its reason.

    Uncaught, its text goes to standard error and the exit code is 1.
    """

    def __init__(self, reasons: Sequence[tuple[str, str]]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            "\n".join(["Refused to start:", *(f"  {name}: {why}" for name, why in reasons)])
        )


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "must be an http:// or https:// address"
        raise ValueError(message)
    if parts.query or parts.fragment or parts.username or parts.password:
        message = "must have neither credentials, query nor fragment"
        raise ValueError(message)
    return value


def _without_slash(value: str) -> str:
    return value.rstrip("/")


def _postgres_address(value: str) -> str:
    if urlsplit(value).scheme not in {"postgres", "postgresql"}:
        message = "must be a postgresql:// address"
        raise ValueError(message)
    return value


def _brokers(value: str) -> str:
    for broker in value.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdecimal():
            message = "must be host:port, several separated by commas"
            raise ValueError(message)
    return value


def _readable_file(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.R_OK):
        message = "names no readable file"
        raise ValueError(message)
    return path


def _separated_by_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
PostgresAddress = Annotated[str, AfterValidator(_postgres_address)]
Brokers = Annotated[str, AfterValidator(_brokers)]
ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated_by_commas)]


class CommonSettings(BaseSettings):
    """The settings of every service; one with more of them inherits from this in its settings.py.

    `environment` is production when nothing is said: laxity must be asked for.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_dsn: PostgresAddress = Field(repr=False)
    kafka_bootstrap: Brokers
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=1, le=65535)
    public_url: Annotated[WebAddress, AfterValidator(_without_slash)]
    identity_issuer: WebAddress  # compared with `iss` to the letter
    identity_audience: str = Field(default="datacloud", min_length=1)
    identity_opaque_tokens: bool = False
    secret_file: ReadableFile | None = None
    environment: Literal["local", "production"] = "production"
    log_format: Literal["json", "console"] | None = None
    filings_per_minute: int = Field(default=1000, ge=1)
    extra_email_domains: CommaSeparated = ()

    @model_validator(mode="after")
    def _is_fit_for_production(self) -> Self:
        if self.environment == "production":
            reasons = list(self._unfit_for_production())
            if reasons:
                raise SettingsRefused(reasons)
        return self

    def _unfit_for_production(self) -> Sequence[tuple[str, str]]:
        reasons = []
        if self.identity_opaque_tokens:
            reasons.append(
                (
                    "identity_opaque_tokens",
                    "opaque tokens are for local use: production checks signed ones",
                )
            )
        reasons += [
            (name, "must be an https:// address in production")
            for name in ("public_url", "identity_issuer")
            if not getattr(self, name).startswith("https://")
        ]
        if kill_points.VARIABLE in os.environ:
            reasons.append(("environment", f"is no place for {kill_points.VARIABLE}"))
        if "clock_shift" in self.database_dsn:
            reasons.append(("database_dsn", "shifts the clock, which production refuses"))
        if self.secret_file and self.secret_file.stat().st_mode & stat.S_IRWXO:
            reasons.append(("secret_file", "is open to every user of the machine: chmod o-rwx"))
        return [(variable(name), why) for name, why in reasons]

    def refuse_clock_shift(self, shift: timedelta) -> None:
        """For the start, with the database's datacloud.clock_shift: production keeps real time."""
        if self.environment == "production" and shift:
            reason = "the database setting datacloud.clock_shift is for local use and tests"
            raise SettingsRefused([(variable("database_dsn"), reason)])


class SecretKeepingSettings(CommonSettings):
    """For those who make or check tracking codes: intake, complaints, notifier."""

    secret_file: ReadableFile


S = TypeVar("S", bound=CommonSettings)


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def load_settings(kind: type[S], **overrides: Any) -> S:  # noqa: ANN401 - the fields of `kind`, checked by it
    """Read the environment. Raises SettingsRefused with every reason at once."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise SettingsRefused(
            [
                (
                    variable(str(mistake["loc"][0])) if mistake["loc"] else PREFIX + "*",
                    _why(mistake["msg"]),
                )
                for mistake in error.errors(
                    include_input=False, include_url=False, include_context=False
                )
            ]
        ) from None


def _why(message: str) -> str:
    return message.removeprefix("Value error, ")
