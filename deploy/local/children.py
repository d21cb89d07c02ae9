"""Child processes that never outlive us, and the free ports they listen on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The kernel takes the thread that made a child for its parent: this one lives as long as the process.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_DIE_WITH_PARENT = str(Path(__file__).with_name("die_with_parent.py"))


class NotStarted(Exception):  # noqa: N818 - told to the person at the terminal as it is
    """A server did not come up; the message says why and what to do."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, what: str) -> None:
    """Raise NotStarted if somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            message = (
                f"port {port} for {what} is taken: stop what listens there, or choose another port"
            )
            raise NotStarted(message) from None


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


def wait_until(
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    what: str,
    log: Path,
    seconds: float,
) -> None:
    """Until `ready()`; raises NotStarted with the end of the log if the process ends or takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        if process.poll() is not None:
            message = f"{what} ended with code {process.returncode} while starting:\n{tail(log)}"
            raise NotStarted(message)
        time.sleep(0.05)
    message = f"{what} was not ready after {seconds:.0f} s:\n{tail(log)}"
    raise NotStarted(message)


def stop(process: subprocess.Popen[bytes] | None, first: signal.Signals, seconds: float) -> None:
    """Ask, wait, then kill."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Whether somebody answers on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
