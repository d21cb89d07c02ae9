"""Keeps child processes running: one that dies is started again within two seconds, on the same port."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.local.children import NotStarted, stop

LOOK_SECONDS = 0.2
PAUSE_SECONDS = 1.0
STOP_SECONDS_MAX = 10.0
RESTART_SECONDS_MAX = 15.0


@dataclass(slots=True)
class Child:
    """A process to keep running. `start` blocks until it is ready; `wave` says who stops first (high) and last (0)."""

    name: str
    wave: int
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0


class Supervisor:
    """Starts, watches and stops children. `say` tells the person at the terminal what happens."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._say, self._changed = say, changed
        self._children: list[Child] = []
        self._restarts: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, *children: Child) -> None:
        """All at once; raises NotStarted of the first that does not come up. Watched from then on."""
        with ThreadPoolExecutor(max_workers=len(children)) as pool:
            for child, started in [(child, pool.submit(self._start, child)) for child in children]:
                started.result()
                self._children.append(child)
        if not self._watcher.is_alive():
            self._watcher.start()

    def pids(self) -> dict[str, int]:
        """Who runs as which process now."""
        return {child.name: child.process.pid for child in self._children if child.process}

    def stop(self) -> None:
        """The last started first; each wave together, within ten seconds."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for restart in self._restarts:
            restart.join(RESTART_SECONDS_MAX)
        for wave in sorted({child.wave for child in self._children}, reverse=True):
            members = [child for child in self._children if child.wave == wave]
            with ThreadPoolExecutor(max_workers=len(members)) as pool:
                list(
                    pool.map(
                        lambda child: stop(child.process, child.stop_signal, STOP_SECONDS_MAX),
                        members,
                    )
                )

    def _start(self, child: Child) -> None:
        began = time.monotonic()
        child.process = child.start()
        child.starts += 1
        self._say(f"{child.name} is up ({time.monotonic() - began:.1f} s)")

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for child in list(self._children):
                if child.process is None or child.process.poll() is not None:
                    self._again(child)

    def _again(self, child: Child) -> None:
        code = child.process.returncode if child.process else None
        self._say(f"{child.name} ended (code {code}); starting it again")
        restart = threading.Thread(target=self._restart, args=(child,), daemon=True)
        self._restarts = [each for each in self._restarts if each.is_alive()] + [restart]
        self._children.remove(child)
        restart.start()

    def _restart(self, child: Child) -> None:
        while not self._stopping.is_set():
            try:
                self._start(child)
            except NotStarted as error:
                self._say(str(error))
                self._stopping.wait(PAUSE_SECONDS)
            else:
                break
        if self._stopping.is_set():  # it came up too late to be stopped in its wave
            stop(child.process, child.stop_signal, STOP_SECONDS_MAX)
        else:
            self._children.append(child)
            self._changed()
