"""Keeps child processes running: one that dies is started again within two seconds, on the same port."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from deploy.local.children import NotStarted, kill, stop

LOOK_SECONDS = 0.2
PAUSE_SECONDS = 1.0
STOP_SECONDS_MAX = 10.0
STRAGGLERS_SECONDS_MAX = 2.0


@dataclass(slots=True)
class Child:
    """A process to keep running. `wave` says who stops first (high) and last (0).

    `spawn` prepares and starts the process; `ready` blocks until it serves. Both raise NotStarted.
    """

    name: str
    wave: int
    spawn: Callable[[], subprocess.Popen[bytes]]
    ready: Callable[[subprocess.Popen[bytes]], None]
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    up: bool = False


class Supervisor:
    """Starts, watches and stops children. `say` tells the person at the terminal what happens.

    `changed` is called when a child that was started again has its new process: it is not ready yet.
    """

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._say, self._changed = say, changed
        self._children: list[Child] = []
        self._threads: list[threading.Thread] = []
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, *children: Child) -> None:
        """All at once; raises what kept the first of them from coming up. `stop` knows them from the first moment on.

        Daemon threads, so that Ctrl-C during a download is answered without waiting for it.
        """
        self._children += children
        ends: SimpleQueue[Exception | None] = SimpleQueue()
        for child in children:
            self._in_background(self._start_once, child, ends)
        for _ in children:
            if error := ends.get():
                raise error
        if not self._watcher.is_alive():
            self._watcher.start()

    def pids(self) -> dict[str, int]:
        """Who runs as which process now."""
        return {child.name: child.process.pid for child in self._children if child.process}

    def stop(self) -> None:
        """The last started first; each wave together, within ten seconds. What comes up later ends itself."""
        with self._lock:
            self._stopping.set()
        for wave in sorted({child.wave for child in self._children}, reverse=True):
            members = [child for child in self._children if child.wave == wave]
            with ThreadPoolExecutor(max_workers=len(members)) as pool:
                list(pool.map(_stop, members))
        until = time.monotonic() + STRAGGLERS_SECONDS_MAX
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _in_background(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _start_once(self, child: Child, ends: "SimpleQueue[Exception | None]") -> None:
        try:
            self._start(child)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
            ends.put(error)
        else:
            ends.put(None)

    def _start(self, child: Child, *, again: bool = False) -> None:
        began = time.monotonic()
        process = child.spawn()
        try:
            self._take_in(child, process, again=again)
            child.ready(process)
        except BaseException:
            kill(process)
            raise
        child.up = True
        self._say(f"{child.name} is up ({time.monotonic() - began:.1f} s)")

    def _take_in(self, child: Child, process: subprocess.Popen[bytes], *, again: bool) -> None:
        """Either stop() sees the process from now on, or this sees that it is too late."""
        with self._lock:
            child.process = process
            if self._stopping.is_set():
                message = f"{child.name} came up too late"
                raise NotStarted(message)
            if again:
                self._changed()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for child in list(self._children):
                if child.up and child.process and child.process.poll() is not None:
                    child.up = False
                    self._say(
                        f"{child.name} ended (code {child.process.returncode}); starting it again"
                    )
                    self._in_background(self._restart, child)

    def _restart(self, child: Child) -> None:
        while not self._stopping.is_set():
            try:
                self._start(child, again=True)
            except (NotStarted, OSError) as error:
                if not self._stopping.is_set():
                    self._say(str(error))
                    self._stopping.wait(PAUSE_SECONDS)
            else:
                return


def _stop(child: Child) -> None:
    stop(child.process, child.stop_signal, STOP_SECONDS_MAX)
