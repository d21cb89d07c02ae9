"""An event loop without a clock of its own: when nothing can run, time jumps to the next timer.

One step at a time, in an order that the timers give and nothing else: the same timers, the same run.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any


class Deadlocked(Exception):  # noqa: N818 - what happened, for whoever reads the seed
    """Nothing can run and nothing is going to: the simulated system waits for itself."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Everything of asyncio works on it but sockets, threads and processes. `time()` counts virtual seconds."""

    _ready: "deque[asyncio.Handle]"

    def __init__(self) -> None:
        super().__init__()
        self._virtual_seconds = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_made = 0

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._virtual_seconds

    def call_at(  # type: ignore[override]  # typeshed's form needs a later Python
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - asyncio's own
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Of two timers of one instant the one that was made first comes first."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_made += 1
        heapq.heappush(self._timers, (when, self._timers_made, timer))
        return timer

    def _run_once(self) -> None:
        ready = self._ready
        if not ready:
            self._jump()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - a loop and its handles are one thing in asyncio
                handle._run()  # noqa: SLF001 - likewise

    def _jump(self) -> None:
        """To the earliest timer that still matters."""
        while self._timers:
            when, _, timer = heapq.heappop(self._timers)
            if not timer._cancelled:  # noqa: SLF001 - likewise
                self._virtual_seconds = max(self._virtual_seconds, when)
                self._ready.append(timer)
                return
        raise Deadlocked

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def _process_events(self, event_list: Any) -> None:  # noqa: ANN401 - asyncio's own
        """There are none."""

    def _write_to_self(self) -> None:
        """There is nobody else to wake it."""
