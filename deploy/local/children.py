"""Child processes that never outlive us, and the free ports they listen on."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The kernel takes the thread that made a child for its parent: this one lives as long as the process.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_DIE_WITH_PARENT = str(Path(__file__).with_name("die_with_parent.py"))

# Below the ports the kernel gives to outgoing connections: while a server is down, a client that asks for it again
# could otherwise be given the server's own port, reach itself and keep the port taken.
_PORTS = range(16_384, 32_768)
_CHANCE = random.SystemRandom()

PREPARE_SECONDS_MAX = 120.0
EARLIER_RUN_SECONDS_MAX = 15.0


class NotStarted(Exception):  # noqa: N818 - told to the person at the terminal as it is
    """A server did not come up; the message says why and what to do."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int, besides: Collection[int] = ()) -> list[int]:
    """So many distinct ones."""
    found: list[int] = []
    for port in _CHANCE.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        if port not in besides and is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def require_free(port: int, what: str) -> None:
    """Raise NotStarted if somebody listens there."""
    if not is_free(port):
        message = (
            f"port {port} for {what} is taken: stop what listens there, or choose another port"
        )
        raise NotStarted(message)


def spawn(  # noqa: PLR0913 - what a process is started with
    command: Sequence[str],
    log: Path,
    *,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    last_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child whose output goes to `log`; `prefix` runs before it (unshare). Ctrl-C reaches us, not the child."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return _SPAWNER.submit(
            subprocess.Popen,
            [*prefix, sys.executable, "-S", _DIE_WITH_PARENT, str(int(last_signal)), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        ).result()


def run(command: Sequence[str], log: Path, what: str, prefix: Sequence[str] = ()) -> None:
    """A child that prepares something and ends; raises NotStarted with the end of its log if it does not succeed."""
    process = spawn(command, log, prefix=prefix, last_signal=signal.SIGKILL)
    try:
        if process.wait(PREPARE_SECONDS_MAX) != 0:
            message = f"{what} failed:\n{tail(log)}"
            raise NotStarted(message)
    except subprocess.TimeoutExpired:
        message = f"{what} took longer than {PREPARE_SECONDS_MAX:.0f} s:\n{tail(log)}"
        raise NotStarted(message) from None
    finally:
        kill(process)


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    what: str,
    log: Path,
    seconds: float,
) -> None:
    """Until `ready()`. If the process ends or takes too long it is killed, and NotStarted tells the end of its log."""
    deadline, up = time.monotonic() + seconds, False
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if up := ready():
                return
            time.sleep(0.05)
        code = process.returncode
    finally:
        if not up:
            kill(process)
    how = f"was not ready after {seconds:.0f} s"
    if code is not None:
        how = f"ended with code {code} while starting"
    message = f"{what} {how}:\n{tail(log)}"
    raise NotStarted(message)


def stop(process: subprocess.Popen[bytes] | None, first: signal.Signals, seconds: float) -> None:
    """Ask, wait, then kill."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes] | None) -> None:
    """As a power cut would; it is gone when this returns."""
    if process is not None:
        process.kill()
        process.wait()


def listens(port: int, pid: int) -> bool:
    """Whether this very process listens on the port of loopback: somebody else there does not count."""
    try:
        sockets = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
        rows = [
            row.split()
            for table in ("tcp", "tcp6")
            for row in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        ]
    except OSError:
        return False
    listening, ends_with = "0A", f":{port:04X}"
    return any(
        row[3] == listening and row[1].endswith(ends_with) and f"socket:[{row[9]}]" in sockets
        for row in rows
    )


def let_earlier_run_end(mark: str, what: str) -> None:
    """Processes of a run that was killed may still be closing: wait for them, then raise NotStarted naming them.

    `mark` is an argument or an environment variable (NAME=value) that they alone have.
    """
    deadline = time.monotonic() + EARLIER_RUN_SECONDS_MAX
    while pids := processes_with(mark):
        if time.monotonic() > deadline:
            named = ", ".join(map(str, pids))
            message = f"{what} of an earlier run still runs (process {named}): stop it first"
            raise NotStarted(message)
        time.sleep(0.1)


def processes_with(mark: str) -> list[int]:
    """Who was started with exactly this argument or environment variable."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        for told in ("cmdline", "environ"):
            try:
                if mark.encode() in (entry / told).read_bytes().split(b"\0"):
                    found.append(int(entry.name))
                    break
            except OSError:  # it ended, or is another user's
                continue
    return found


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
