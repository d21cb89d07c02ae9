"""Small disks that can be filled: tmpfs mounts in a namespace of our own, which end with the last process in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSIDE = "DATACLOUD_CHAOS_INSIDE"
DISK_MEGABYTES = 768
_UNSHARE = ("unshare", "--user", "--mount", "--map-root-user", "--")


def enter_namespace(module: str) -> None:
    """Run this program again where an ordinary user may mount; where that is not possible, go on without."""
    if INSIDE in os.environ:
        return
    try:
        tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False)  # noqa: S603 - our own command
    except FileNotFoundError:
        return
    if tried.returncode == 0:
        command = [*_UNSHARE, sys.executable, "-m", module, *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})  # noqa: S606 - likewise


def mount(directory: Path) -> bool:
    """A disk of its own there; False where nobody lets us."""
    directory.mkdir(parents=True, exist_ok=True)
    if INSIDE not in os.environ:
        return False
    options = f"size={DISK_MEGABYTES}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own command


def unmount(directory: Path) -> None:
    """Nobody uses it any more."""
    subprocess.run(["umount", "--lazy", str(directory)], capture_output=True, check=False)  # noqa: S603, S607 - likewise


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left on it while the block lasts."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:  # full, as wanted
                    continue
        yield
    finally:
        ballast.unlink(missing_ok=True)
