"""An event loop without a clock of its own: when nothing can run, time jumps to the next timer.

One step at a time, in an order that the timers give and nothing else: the same timers, the same run.
"""

import asyncio
import heapq
from collections import deque
from typing import Any


class Deadlocked(Exception):  # noqa: N818 - what happened, for whoever reads the seed
    """Nothing can run and nothing is going to: the simulated system waits for itself."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Everything of asyncio works on it but sockets, threads and processes. `time()` counts virtual seconds."""

    _ready: "deque[asyncio.Handle]"
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int

    def __init__(self) -> None:
        super().__init__()
        self._virtual_seconds = 0.0

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._virtual_seconds

    def _run_once(self) -> None:
        if not self._ready:
            self._jump()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - a loop and its handles are one thing in asyncio
                handle._run()  # noqa: SLF001 - likewise

    def _jump(self) -> None:
        """To the earliest timer that still matters."""
        while self._scheduled:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - likewise
            if timer._cancelled:  # noqa: SLF001 - likewise
                self._timer_cancelled_count -= 1
                continue
            self._virtual_seconds = max(self._virtual_seconds, timer.when())
            self._ready.append(timer)
            return
        raise Deadlocked

    def _process_events(self, event_list: Any) -> None:  # noqa: ANN401 - asyncio's own
        """There are none."""

    def _write_to_self(self) -> None:
        """There is nobody else to wake it."""
