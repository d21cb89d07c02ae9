"""A child that dies is started again within two seconds, and none outlives the supervisor or its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.children import NotStarted, free_port, spawn, wait_until
from deploy.local.supervisor import Child, Supervisor


def sleeper(log: Path, seconds_to_start: float = 0.0) -> Callable[[], "subprocess.Popen[bytes]"]:
    """A child that needs so long to be ready."""

    def start() -> subprocess.Popen[bytes]:
        process = spawn([sys.executable, "-c", "import time; time.sleep(600)"], log)
        time.sleep(seconds_to_start)
        return process

    return start


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not asked for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_child_that_is_killed_is_up_again_within_two_seconds(tmp_path: Path) -> None:
    said: list[str] = []
    changed: list[None] = []
    supervisor = Supervisor(said.append, lambda: changed.append(None))
    supervisor.start(Child("one", 0, sleeper(tmp_path / "log")))
    before = supervisor.pids()["one"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: supervisor.pids().get("one", before) != before, 2)
    wait_for(lambda: changed, 1)
    assert "one ended (code -9); starting it again" in said
    supervisor.stop()
    wait_for(lambda: not alive(before), 1)


def test_a_child_that_comes_up_during_the_stop_is_stopped_too(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    slow = sleeper(tmp_path / "log", seconds_to_start=1.0)

    def start() -> subprocess.Popen[bytes]:
        started.append(slow())
        return started[-1]

    supervisor = Supervisor(lambda _: None, lambda: None)
    supervisor.start(Child("slow", 0, start))
    started[0].kill()
    time.sleep(0.6)
    supervisor.stop()
    wait_for(lambda: all(not alive(child.pid) for child in started), 3)
    assert len(started) == 2


def test_children_stop_wave_by_wave_the_last_started_first(tmp_path: Path) -> None:
    ended: list[str] = []
    supervisor = Supervisor(lambda _: None, lambda: None)
    inner = Child("database", 0, sleeper(tmp_path / "log"))
    outer = Child("service", 1, sleeper(tmp_path / "log"))
    supervisor.start(inner)
    supervisor.start(outer)
    processes = [child.process for child in (outer, inner)]
    supervisor.stop()
    ended += [str(process.returncode) for process in processes if process]
    assert ended == ["-15", "-15"]


def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "import sys, time; from pathlib import Path; from deploy.local.children import spawn\n"
        f"child = spawn([sys.executable, '-c', 'import time; time.sleep(600)'], Path({str(tmp_path / 'log')!r}))\n"
        f"Path({str(pid_file)!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as parent:  # noqa: S603 - our own command
        wait_for(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8"), 20)
        child = int(pid_file.read_text(encoding="utf-8"))
        time.sleep(0.5)
        assert alive(child)
        parent.kill()
    wait_for(lambda: not alive(child), 3)


def test_a_child_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", "raise SystemExit('no such setting')"], log)
    with pytest.raises(NotStarted, match=r"it ended with code 1 while starting:\nno such setting"):
        wait_until(lambda: False, child, "it", log, 20)
    child = spawn([sys.executable, "-c", "import time; time.sleep(600)"], log)
    with pytest.raises(NotStarted, match=r"was not ready after 0 s"):
        wait_until(lambda: False, child, f"port {free_port()}", log, 0.2)
    child.kill()
    child.wait()
