"""What a newcomer types: the system starts, one request is confirmed before their eyes, nothing is left behind."""

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.children import processes_with
from deploy.local.facts import Reader
from deploy.local.places import NAMES, Places
from deploy.local.sample import Journey
from shared.operations.stack import ROOT, SERVICES
from tests.support.system import System, running_system

SECOND_RUN_SECONDS_MAX = 45.0
COMMAND = [sys.executable, "-m", "deploy.local"]
pytestmark = pytest.mark.timeout(300)


def told(root: Path, **settings: str) -> dict[str, str]:
    """The environment of `make run` in this directory."""
    return os.environ | {"DATACLOUD_LOCAL": str(root)} | settings


def run(root: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """`python -m deploy.local`, as `make run` calls it."""
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], cwd=ROOT, env=told(root, **settings),
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip


@contextmanager
def running(root: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[], str]]]:
    """One that stays up, and what it has said so far."""
    said = root.with_suffix(".said")
    with said.open("wb") as output, subprocess.Popen(  # noqa: S603 - our own command
        COMMAND, cwd=ROOT, env=told(root), stdout=output, stderr=output
    ) as process:  # fmt: skip
        try:
            yield process, lambda: said.read_text(encoding="utf-8")
        finally:
            process.kill()


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def left_behind(root: Path) -> list[int]:
    """Whoever still runs of those that were started there."""
    return processes_with(f"DATACLOUD_LOCAL={root}")


def test_one_request_is_confirmed_and_a_second_run_goes_on_with_the_next_agency(
    tmp_path: Path,
) -> None:
    root, agencies, seconds = tmp_path / "local", [], 0.0
    for _ in range(2):
        shown = run(root, ONCE="1")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        for fact in (
            "request_submitted", "deadline_set", "request_reviewed", "account_activated",
            "confirmation_sent", "request_closed",
        ):  # fmt: skip
            assert f"datacloud.{fact}.v1" in shown.stdout
        assert shown.stderr == ""
        agencies += re.findall(r"\] (.+): DC-\d{4}-\d{6} diterima", shown.stdout)
        seconds = float(re.findall(r"^\[ *([0-9.]+)\]", shown.stdout, re.MULTILINE)[-1])
        assert left_behind(root) == []
        assert not (root / "endpoints.json").exists()
    assert seconds < SECOND_RUN_SECONDS_MAX
    assert len(set(agencies)) == 2
    assert len(list((root / "mail").glob("*.eml"))) >= 4
    assert {"kafka.log", "postgres.log", "intake.log"} < {p.name for p in (root / "log").iterdir()}


def test_after_a_run_that_was_killed_the_next_one_works(tmp_path: Path) -> None:
    root = tmp_path / "local"
    with running(root) as (process, said):
        wait_for(lambda: "the system stays up" in said(), 150)
        assert len(left_behind(root)) > len(SERVICES)
        process.kill()
    shown = run(root, ONCE="1")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert left_behind(root) == []


def test_ctrl_c_during_the_start_is_answered_soon_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "local"
    with running(root) as (process, said):
        wait_for(lambda: "is up" in said(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    wait_for(lambda: left_behind(root) == [], 5)
    assert "Traceback" not in said()
    assert not (root / "endpoints.json").exists()


def test_another_run_on_the_same_directory_is_told_who_is_there(tmp_path: Path) -> None:
    with (tmp_path / "local.lock").open("w") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        shown = run(tmp_path / "local", ONCE="1")
    assert shown.returncode == 1
    assert "is running on" in failure(shown, "preparation")
    assert "already (process 4711)" in failure(shown, "preparation")


def failure(shown: "subprocess.CompletedProcess[str]", step: str) -> str:
    """The last line, which says what failed and why."""
    assert shown.returncode == 1
    last = shown.stdout.splitlines()[-1]
    assert f"FAILED: {step}: " in last, shown.stdout + shown.stderr
    assert "Traceback" not in shown.stdout + shown.stderr
    return last


@pytest.mark.parametrize("ports", ["abc", "80", "99999", str(65_536 - len(NAMES))])
def test_ports_that_cannot_be_are_named(tmp_path: Path, ports: str) -> None:
    shown = run(tmp_path / "local", ONCE="1", PORTS=ports)
    assert f"PORTS={ports}: name the first of the ports" in failure(shown, "preparation")


def test_a_taken_port_is_named_and_no_file_says_that_a_system_runs(tmp_path: Path) -> None:
    root = tmp_path / "local"
    root.mkdir()
    (root / "endpoints.json").write_text("{}", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = min(taken.getsockname()[1], 65_535 - len(NAMES))
        shown = run(root, ONCE="1", PORTS=str(port))
    assert "is taken: stop what listens there" in failure(shown, "preparation")
    assert not (root / "endpoints.json").exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in failure(run(tmp_path / "file" / "local"), "preparation")


def test_a_server_that_does_not_start_is_named_and_nobody_is_left(tmp_path: Path) -> None:
    root = tmp_path / "local"
    root.mkdir()
    (root / "cloud_platform.json").write_text("{", encoding="utf-8")
    shown = run(root, ONCE="1")
    assert "cloud_platform ended with code 1 while starting" in failure(shown, "start")
    assert "cannot be read as the platform's data" in shown.stdout
    assert left_behind(root) == []


def test_a_token_needs_a_running_system_and_a_known_officer(tmp_path: Path) -> None:
    shown = run(tmp_path / "local", "token", "reviewer")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "start the system with `make run` first" in shown.stderr
    assert run(tmp_path / "local", "token", "mayor").returncode == 2


@pytest.fixture
def own(tmp_path: Path) -> Iterator[System]:
    """The sample takes the first agency there is, which other tests have need of."""
    with running_system(tmp_path) as running:
        yield running


async def test_the_sample_request_waits_for_services_that_are_away(own: System) -> None:
    said: list[str] = []
    ports = json.loads((own.root / "ports.json").read_text(encoding="utf-8"))
    journey = Journey(Places(own.root, ports), said.append)
    reader = Reader(own.endpoints["kafka"])
    await reader.start()
    reading = asyncio.create_task(reader.run(journey.seen))
    await own.kill("intake", "review", "notifier")
    await journey.run()
    reading.cancel()
    await reader.stop()
    assert sum(" datacloud." in line for line in said) == 6
    assert "GET /api/agencies is asked again" in said[0]


def test_the_endpoints_file_says_where_everything_is(system: System) -> None:
    found = system.endpoints
    assert set(found) == {
        "kafka", "postgres", "smtp", "mailbox", "identity", "cloud_platform", "front_door",
        *SERVICES, "pids", "metrics",
    }  # fmt: skip
    assert set(found["postgres"]) == set(found["metrics"]) == set(SERVICES)
    assert {*SERVICES, "kafka", "postgres"} <= set(found["pids"])
    assert set(found["cloud_platform"]) == {"url", "token"}
