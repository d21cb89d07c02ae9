"""What a newcomer types: the system starts, one request is confirmed before their eyes, nothing is left behind."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.operations.stack import ROOT, SERVICES
from tests.support.system import System

SECOND_RUN_SECONDS_MAX = 45.0


def run(root: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """`python -m deploy.local`, as `make run` calls it."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "deploy.local", *arguments],
        cwd=ROOT, env=os.environ | {"DATACLOUD_LOCAL": str(root)} | settings,
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


def processes_below(root: Path) -> list[str]:
    """Whoever still runs with this directory in its command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in command:
            found.append(command)
    return found


def test_one_request_is_confirmed_and_a_second_run_goes_on_with_the_next_agency(
    tmp_path: Path,
) -> None:
    root, agencies = tmp_path / "local", []
    for _ in range(2):
        began = time.monotonic()
        shown = run(root, ONCE="1")
        seconds = time.monotonic() - began
        assert shown.returncode == 0, shown.stdout + shown.stderr
        for fact in (
            "request_submitted", "deadline_set", "request_reviewed", "account_activated",
            "confirmation_sent", "request_closed",
        ):  # fmt: skip
            assert f"datacloud.{fact}.v1" in shown.stdout
        assert "Warning" not in shown.stderr
        agencies.append([line for line in shown.stdout.splitlines() if "diterima" in line])
        assert processes_below(root) == []
        assert not (root / "endpoints.json").exists()
    assert seconds < SECOND_RUN_SECONDS_MAX
    assert agencies[0] != agencies[1]
    assert len(list((root / "mail").glob("*.eml"))) >= 4


def test_another_run_on_the_same_directory_is_told_so(tmp_path: Path) -> None:
    with (tmp_path / "local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shown = run(tmp_path / "local", ONCE="1")
    assert shown.returncode == 1
    assert "a system is running on" in shown.stdout


@pytest.mark.parametrize("ports", ["abc", "80", "99999"])
def test_ports_that_cannot_be_are_named(tmp_path: Path, ports: str) -> None:
    shown = run(tmp_path / "local", ONCE="1", PORTS=ports)
    assert shown.returncode == 1
    assert f"PORTS={ports}: name the first of the ports" in shown.stdout


def test_a_token_needs_a_running_system_and_a_known_officer(tmp_path: Path) -> None:
    shown = run(tmp_path / "local", "token", "reviewer")
    assert shown.returncode == 1
    assert "start the system with `make run` first" in shown.stdout
    assert run(tmp_path / "local", "token", "mayor").returncode == 2


def test_the_endpoints_file_says_where_everything_is(system: System) -> None:
    found = system.endpoints
    assert set(found) == {
        "kafka", "postgres", "smtp", "mailbox", "identity", "cloud_platform", "front_door",
        *SERVICES, "pids", "metrics",
    }  # fmt: skip
    assert set(found["postgres"]) == set(found["metrics"]) == set(SERVICES)
    assert {*SERVICES, "kafka", "postgres"} <= set(found["pids"])
    assert set(found["cloud_platform"]) == {"url", "token"}
    assert json.dumps(found)
