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

Process = subprocess.Popen[bytes]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def sleeper(name: str, log: Path, wave: int = 0, seconds_to_start: float = 0.0) -> Child:
    """A child that needs so long to be ready."""

    def ready(process: Process) -> None:
        began = time.monotonic()
        late = lambda: time.monotonic() - began >= seconds_to_start  # noqa: E731 - a condition
        wait_until(late, process, name, log, 60)

    return Child(name, wave, lambda: spawn(SLEEP, log), ready)


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
    supervisor.start(sleeper("one", tmp_path / "log"))
    before = supervisor.pids()["one"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: supervisor.pids()["one"] != before, 2)
    wait_for(lambda: changed, 1)
    assert "one ended (code -9); starting it again" in said
    after = supervisor.pids()["one"]
    supervisor.stop()
    assert not alive(before)
    assert not alive(after)


def test_the_new_process_of_a_child_is_told_before_it_is_ready(tmp_path: Path) -> None:
    told: list[dict[str, int]] = []
    child = sleeper("slow", tmp_path / "log")
    supervisor = Supervisor(lambda _: None, lambda: told.append(supervisor.pids()))
    supervisor.start(child)
    child.ready = sleeper("slow", tmp_path / "log", seconds_to_start=60).ready
    os.kill(supervisor.pids()["slow"], signal.SIGKILL)
    wait_for(lambda: told, 5)
    assert alive(told[0]["slow"])
    assert not child.up
    supervisor.stop()
    assert not alive(told[0]["slow"]), "also one that was not ready yet"


def test_a_child_that_is_spawned_during_the_stop_is_stopped_too(tmp_path: Path) -> None:
    started: list[Process] = []
    said: list[str] = []

    def slowly() -> Process:
        if started:
            time.sleep(1)
        started.append(spawn(SLEEP, tmp_path / "log"))
        return started[-1]

    child = Child("slow", 0, slowly, lambda _: None)
    supervisor = Supervisor(said.append, lambda: None)
    supervisor.start(child)
    started[0].kill()
    wait_for(lambda: any("starting it again" in line for line in said), 5)
    supervisor.stop()
    wait_for(lambda: len(started) == 2, 5)
    wait_for(lambda: all(not alive(process.pid) for process in started), 5)


def test_a_child_that_cannot_be_started_again_at_once_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    errors: list[Exception] = [OSError("no more processes"), NotStarted("port 1 is taken")]
    child = sleeper("one", tmp_path / "log")
    supervisor = Supervisor(said.append, lambda: None)
    supervisor.start(child)
    right = child.spawn

    def spawning() -> Process:
        if errors:
            raise errors.pop(0)
        return right()

    child.spawn = spawning
    os.kill(supervisor.pids()["one"], signal.SIGKILL)
    wait_for(lambda: not errors and child.up, 10)
    supervisor.stop()
    assert {"no more processes", "port 1 is taken"} < set(said)


def test_when_one_does_not_start_the_others_are_stopped_though_they_are_not_ready(
    tmp_path: Path,
) -> None:
    def failing() -> Process:
        wait_for(lambda: slow.process, 5)
        message = "no"
        raise NotStarted(message)

    slow = sleeper("slow", tmp_path / "log", seconds_to_start=60)
    supervisor = Supervisor(lambda _: None, lambda: None)
    with pytest.raises(NotStarted, match="no"):
        supervisor.start(slow, Child("bad", 0, failing, lambda _: None))
    supervisor.stop()
    assert slow.process
    assert not alive(slow.process.pid)


def test_ctrl_c_during_a_start_is_answered_at_once_and_leaves_nobody(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from deploy.local.children import spawn; from deploy.local.supervisor import Child, Supervisor\n"
        f"log, pid = Path({str(tmp_path / 'log')!r}), Path({str(tmp_path / 'pid')!r})\n"
        "supervisor = Supervisor(lambda _: None, lambda: None)\n"
        "download = Child('download', 0, lambda: time.sleep(600), lambda _: None)\n"
        "slow = Child('slow', 0, lambda: spawn([sys.executable, '-c', 'import time; time.sleep(600)'], log),\n"
        "             lambda process: (pid.write_text(str(process.pid)), process.wait()))\n"
        "try: supervisor.start(download, slow)\n"
        "finally: supervisor.stop()\n"
    )
    pid = tmp_path / "pid"
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", program], stderr=subprocess.DEVNULL
    ) as parent:
        wait_for(lambda: pid.exists() and pid.read_text(encoding="utf-8"), 20)
        child = int(pid.read_text(encoding="utf-8"))
        parent.send_signal(signal.SIGINT)
        assert parent.wait(8) != 0
    wait_for(lambda: not alive(child), 3)


def test_children_stop_wave_by_wave_the_last_started_first(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    program = (
        "import signal, sys, time\n"
        f"def end(*_): time.sleep(0.2); open({str(ended)!r}, 'a').write(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )

    def child(name: str, wave: int) -> Child:
        log = tmp_path / name
        command = [sys.executable, "-c", program, name]
        return Child(
            name,
            wave,
            lambda: spawn(command, log),
            lambda process: wait_until(lambda: log.stat().st_size > 0, process, name, log, 20),
        )

    supervisor = Supervisor(lambda _: None, lambda: None)
    supervisor.start(child("database", 0))
    supervisor.start(child("service", 1), child("door", 2))
    supervisor.stop()
    assert ended.read_text(encoding="utf-8").split() == ["door", "service", "database"]


def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "import sys, time; from pathlib import Path; from deploy.local.children import spawn\n"
        f"child = spawn([sys.executable, '-c', 'print(1, flush=True); import time; time.sleep(600)'],"
        f" Path({str(tmp_path / 'log')!r}))\n"
        f"Path({str(pid_file)!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", program]) as parent:  # noqa: S603 - our own command
        wait_for(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8"), 20)
        wait_for(lambda: log.stat().st_size, 20)
        child = int(pid_file.read_text(encoding="utf-8"))
        assert alive(child)
        parent.kill()
    wait_for(lambda: not alive(child), 3)


def test_a_child_that_does_not_start_is_told_with_the_end_of_its_log_and_is_gone(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", "raise SystemExit('no such setting')"], log)
    with pytest.raises(NotStarted, match=r"it ended with code 1 while starting:\nno such setting"):
        wait_until(lambda: False, child, "it", log, 20)
    with pytest.raises(NotStarted, match="ended with code 1"):
        wait_until(lambda: True, child, "what answers for it", log, 20)
    child = spawn(SLEEP, log)
    with pytest.raises(NotStarted, match=r"was not ready after 0 s"):
        wait_until(lambda: False, child, f"port {free_port()}", log, 0.2)
    assert not alive(child.pid)
