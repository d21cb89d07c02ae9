"""A process told something wrong does not start, and says which variable and why, never the value."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from shared.operations import settings as module
from shared.operations.settings import (
    CommonSettings,
    SecretKeepingSettings,
    SettingsRefused,
    load_settings,
)

LOCAL = {
    "DATACLOUD_DATABASE_DSN": "postgresql://intake:hunter2@127.0.0.1/intake",
    "DATACLOUD_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "DATACLOUD_HTTP_PORT": "8001",
    "DATACLOUD_PUBLIC_URL": "http://127.0.0.1:8000/",
    "DATACLOUD_IDENTITY_ISSUER": "http://127.0.0.1:9400",
    "DATACLOUD_ENVIRONMENT": "local",
}
PRODUCTION = LOCAL | {
    "DATACLOUD_ENVIRONMENT": "production",
    "DATACLOUD_PUBLIC_URL": "https://datacloud.kalbarprov.go.id",
    "DATACLOUD_IDENTITY_ISSUER": "https://masuk.kalbarprov.go.id/realms/pemprov",
}


def tell(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def refusal(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> str:
    tell(monkeypatch, variables)
    with pytest.raises(SettingsRefused) as refused:
        load_settings(CommonSettings)
    return str(refused.value)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, LOCAL | {"DATACLOUD_EXTRA_EMAIL_DOMAINS": " Gmail.com, yahoo.co.id,"})
    settings = load_settings(CommonSettings)
    assert settings.http_port == 8001
    assert settings.http_host == "127.0.0.1"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.extra_email_domains == ("gmail.com", "yahoo.co.id")
    assert settings.filings_per_minute == 1000
    assert settings.identity_audience == "datacloud"
    assert "hunter2" not in repr(settings)


def test_what_is_not_said_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, {name: LOCAL[name] for name in LOCAL if name != "DATACLOUD_ENVIRONMENT"})
    with pytest.raises(SettingsRefused, match="DATACLOUD_PUBLIC_URL"):
        load_settings(CommonSettings)


def test_every_missing_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOCAL:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsRefused) as refused:
        load_settings(CommonSettings)
    assert {name for name, _ in refused.value.reasons} == set(LOCAL) - {"DATACLOUD_ENVIRONMENT"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_DSN", "mysql://x:hunter2@y/z"),
        ("KAFKA_BOOTSTRAP", "localhost"),
        ("KAFKA_BOOTSTRAP", "a:1,b"),
        ("HTTP_PORT", "0"),
        ("HTTP_PORT", "http"),
        ("PUBLIC_URL", "datacloud.test"),
        ("PUBLIC_URL", "https://a:hunter2@b"),
        ("IDENTITY_ISSUER", "ftp://x"),
        ("SECRET_FILE", "/nowhere/hunter2"),
        ("ENVIRONMENT", "staging"),
        ("LOG_FORMAT", "xml"),
        ("FILINGS_PER_MINUTE", "0"),
        ("IDENTITY_AUDIENCE", ""),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    told = refusal(monkeypatch, LOCAL | {f"DATACLOUD_{variable}": value})
    assert f"DATACLOUD_{variable}: " in told
    assert "hunter2" not in told
    assert told.count("\n") == 1


def test_production_starts_with_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "keys"
    secret.touch(0o400)
    tell(monkeypatch, PRODUCTION | {"DATACLOUD_SECRET_FILE": str(secret)})
    settings = load_settings(SecretKeepingSettings)
    assert settings.secret_file == secret
    settings.refuse_clock_shift(timedelta())
    with pytest.raises(SettingsRefused, match="clock_shift"):
        settings.refuse_clock_shift(timedelta(days=-3))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IDENTITY_OPAQUE_TOKENS", "true"),
        ("PUBLIC_URL", "http://datacloud.kalbarprov.go.id"),
        ("IDENTITY_ISSUER", "http://masuk.kalbarprov.go.id"),
        ("DATABASE_DSN", "postgresql://x/y?options=-cdatacloud.clock_shift%3D1day"),
    ],
)
def test_production_refuses_what_is_only_good_for_one_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    assert f"DATACLOUD_{variable}" in refusal(
        monkeypatch, PRODUCTION | {f"DATACLOUD_{variable}": value}
    )


def test_production_refuses_a_secret_that_everybody_may_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "keys"
    secret.touch()
    secret.chmod(0o644)
    told = refusal(monkeypatch, PRODUCTION | {"DATACLOUD_SECRET_FILE": str(secret)})
    assert "DATACLOUD_SECRET_FILE" in told


def test_a_service_with_tracking_codes_needs_the_secret_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(monkeypatch, LOCAL)
    with pytest.raises(SettingsRefused, match="DATACLOUD_SECRET_FILE"):
        load_settings(SecretKeepingSettings)


def test_a_local_clock_may_be_shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, LOCAL)
    load_settings(CommonSettings).refuse_clock_shift(timedelta(days=3))


def test_an_uncaught_refusal_is_a_message_and_exit_code_1() -> None:
    script = "from shared.operations.settings import *; load_settings(CommonSettings)"
    ended = subprocess.run(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        env={},
        cwd=Path(module.__file__).parents[2],
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"Refused to start:\n  DATACLOUD_")
    assert b"Traceback" not in ended.stderr


def test_production_has_no_kill_points(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, PRODUCTION | {"DATACLOUD_KILL_POINT": "after_publish"})
    assert "is no place for DATACLOUD_KILL_POINT" in told
