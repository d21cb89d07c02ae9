"""The real scim2-server as a child process, in memory, on a free loopback port."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TOKEN = "s3cret-of-the-tests"
START_SECONDS_MAX = 30.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def scim_server(log_file: Path) -> Iterator[int]:
    """The port of a running server that accepts TOKEN; it is gone when the block ends."""
    port = free_port()
    command = [
        sys.executable, "-m", "scim2_server.testserver.cli",
        "--hostname", "127.0.0.1", "--port", str(port), "--bearer-token", TOKEN,
    ]  # fmt: skip
    with (
        log_file.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as child,  # noqa: S603 - our own command
    ):
        try:
            _wait_until_open(child, port, log_file)
            yield port
        finally:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()


def _wait_until_open(child: "subprocess.Popen[bytes]", port: int, log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert child.poll() is None, log_file.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(log_file.read_text())
