"""The local mail server, cloud platform and identity provider keep what they promised, however they end."""

import email
import email.policy
import json
import os
import signal
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.local.children import (
    NotStarted,
    free_port,
    is_free,
    listens,
    require_free,
    spawn,
    stop,
    wait_until,
)
from deploy.local.identity import OFFICERS, access_token
from deploy.local.places import NAMES, find_places
from shared.operations.stack import ROOT

TOKEN = "the-platforms-token"


@contextmanager
def server(name: str, port: int, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """One of the local servers as a child process."""
    command = [sys.executable, "-m", f"deploy.local.{name}", "--port", str(port), *arguments]
    child = spawn(command, log, directory=ROOT)
    try:
        wait_until(lambda: listens(port, child.pid), child, name, log, 30)
        yield child
    finally:
        stop(child, signal.SIGTERM, 5)


def deliver(port: int, *lines: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("a@kalbarprov.go.id", ["b@x.id", "c@x.id"], b"\r\n".join(lines))


def test_a_mail_is_kept_whole_and_in_order_also_over_a_kill(tmp_path: Path) -> None:
    port, mailbox = free_port(), tmp_path / "mail"
    body = (b"Subject: satu", b"Message-ID: <1@x>", b"", b"..titik", b"\xc3\xa9", b"akhir")
    for subject in (b"dua", b"tiga"):
        with server("mail", port, tmp_path / "log", "--directory", str(mailbox)) as child:
            deliver(port, *body)
            deliver(port, b"Subject: " + subject, b"", b"x")
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted(mailbox.glob("*.eml"))
    ]
    assert [mail["Subject"] for mail in mails] == ["satu", "dua", "satu", "tiga"]
    assert mails[0].get_all("X-Rcpt-To") == ["b@x.id", "c@x.id"]
    assert mails[0].get_payload(decode=True) == b"..titik\r\n\xc3\xa9\r\nakhir\r\n"
    assert sorted(path.suffix for path in mailbox.iterdir()) == [".eml"] * 4, "no half-written one"


# ---------------------------------------------------------------------------------------------------- platform


class Platform:
    """The cloud platform by HTTP."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}/v2"

    def ask(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(  # noqa: S310 - loopback, ours
            self.base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return json.load(answer)


def platform_arguments(directory: Path) -> list[str]:
    (directory / "token").write_text(TOKEN, encoding="utf-8")
    return ["--data", str(directory / "data.json"), "--token-file", str(directory / "token")]


def test_an_account_is_there_after_a_kill_and_its_version_is_never_given_twice(
    tmp_path: Path,
) -> None:
    port, arguments = free_port(), platform_arguments(tmp_path)
    schemas = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
    versions = []
    for restart in range(3):
        with server("cloud_platform", port, tmp_path / "log", *arguments) as child:
            platform = Platform(port)
            made = platform.ask("POST", "/Users", {**schemas, "userName": f"user{restart}"})
            versions.append(made["meta"]["version"])
            put = {**schemas, "userName": f"user{restart}", "active": False}
            changed = platform.ask("PUT", f"/Users/{made['id']}", put)
            versions.append(changed["meta"]["version"])
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
    with server("cloud_platform", port, tmp_path / "log", *arguments):
        users = Platform(port).ask("GET", "/Users")["Resources"]
    assert sorted(user["userName"] for user in users) == ["user0", "user1", "user2"]
    assert not any(user["active"] for user in users)
    assert len(set(versions)) == 6


def test_without_the_token_the_platform_tells_nothing(tmp_path: Path) -> None:
    port = free_port()
    with (
        server("cloud_platform", port, tmp_path / "log", *platform_arguments(tmp_path)),
        pytest.raises(urllib.error.HTTPError) as refused,
    ):
        Platform(port).ask("GET", "/Users", token="another")
    assert refused.value.code == 401
    refused.value.close()


def test_a_platform_whose_data_cannot_be_read_does_not_start_empty(tmp_path: Path) -> None:
    arguments = platform_arguments(tmp_path)
    (tmp_path / "data.json").write_text('{"resources": [', encoding="utf-8")
    with (
        pytest.raises(NotStarted, match=r"data\.json cannot be read as the platform's data"),
        server("cloud_platform", free_port(), tmp_path / "log", *arguments),
    ):
        pass
    assert (tmp_path / "data.json").read_text(encoding="utf-8") == '{"resources": [', "untouched"


# ---------------------------------------------------------------------------------------------------- identity


def test_each_demo_officer_signs_in_and_has_the_role_of_its_name(tmp_path: Path) -> None:
    port = free_port()
    with server("identity", port, tmp_path / "log"):
        issuer = f"http://127.0.0.1:{port}"
        for role, name in OFFICERS.items():
            asked = urllib.request.Request(  # noqa: S310 - loopback, ours
                f"{issuer}/userinfo",
                headers={"Authorization": f"Bearer {access_token(issuer, role)}"},
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - likewise
                claims = json.load(answer)
            assert (claims["sub"], claims["roles"], claims["name"]) == (role, [role], name)
    with pytest.raises(NotStarted, match="gave no token to reviewer"):
        access_token(issuer, "reviewer")


# ------------------------------------------------------------------------------------------- places and ports


def test_ports_and_secrets_stay_the_same_over_restarts(tmp_path: Path) -> None:
    first, second = find_places(tmp_path), find_places(tmp_path)
    assert first.ports == second.ports
    assert len(set(first.ports.values())) == len(NAMES)
    assert first.platform_token.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "said", ["[]", "{", '{"kafka": "x", "intake": -1}', '{"kafka": 20001, "intake": 20001}']
)
def test_ports_are_distinct_whatever_is_remembered(tmp_path: Path, said: str) -> None:
    (tmp_path / "ports.json").write_text(said, encoding="utf-8")
    ports = find_places(tmp_path).ports
    assert set(ports) == set(NAMES)
    assert len(set(ports.values())) == len(NAMES)
    assert all(0 < port < 65_536 for port in ports.values())


def a_free_run_of_ports() -> int:
    """The first of as many as the system needs, below those the kernel gives to outgoing connections."""
    for first in range(20_000, 32_000):
        if all(is_free(port) for port in range(first, first + len(NAMES))):
            return first
    pytest.fail("no free ports in a row")


def test_ports_may_be_chosen_and_a_taken_one_is_named(tmp_path: Path) -> None:
    first = a_free_run_of_ports()
    ports = find_places(tmp_path, first).ports
    assert sorted(ports.values()) == list(range(first, first + len(ports)))
    log = tmp_path / "log" / "mail"
    with server("mail", first, log, "--directory", str(tmp_path / "mail")):
        with pytest.raises(NotStarted, match=f"port {first} for front_door is taken: stop what"):
            find_places(tmp_path, first)
        with pytest.raises(NotStarted, match="is taken"):
            require_free(first, "anything")


def test_only_the_process_itself_counts_as_listening_on_its_port(tmp_path: Path) -> None:
    port = free_port()
    with server("mail", port, tmp_path / "log", "--directory", str(tmp_path / "mail")) as child:
        assert listens(port, child.pid)
        assert not listens(port, os.getpid())
        with (
            pytest.raises(NotStarted, match="mail ended with code 1 while starting"),
            server("mail", port, tmp_path / "log", "--directory", str(tmp_path / "other")),
        ):
            pass
