"""Is this upload a letter: a PDF of at most 10 MB that opens without a password and has a page.

One worker process reads the files one after the other; it is started when first needed (about half
a second), then a check costs milliseconds. It is ended when idle, too slow or done with many files.
"""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import structlog

from shared.event_sourcing.outcomes import Unavailable
from shared.web.multipart import PDF_BYTES_MAX
from shared.web.pdf_check import READY
from shared.web.problems import Problem, field_problem

START_SECONDS_MAX = 30.0
END_SECONDS_MAX = 2.0
CHECK_SECONDS_MAX = 20.0  # by the clock; pdf_check itself bounds the processor time
QUEUE_SECONDS_MAX = 30.0
IDLE_SECONDS_MAX = 300.0
CHECKS_MAX = 500
_ANSWER_BYTES_MAX = 4096
_MESSAGES: Mapping[str, tuple[int, str]] = {
    "empty": (422, "Berkas kosong."),
    "too_large": (413, "Paling besar 10 MB."),
    "not_pdf": (422, "Berkas bukan PDF."),
    "encrypted": (422, "PDF terkunci kata sandi; kirim PDF tanpa kata sandi."),
    "no_page": (422, "PDF tidak memuat halaman."),
    "unreadable": (422, "PDF tidak dapat dibaca; simpan ulang sebagai PDF, lalu kirim kembali."),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """An upload that was read: what is stored, its SHA-256, its pages."""

    content: bytes
    sha256: bytes
    page_count: int


class LetterChecker:
    """One for a service; an async context manager that takes its worker with it."""

    def __init__(
        self,
        *,
        check_seconds_max: float = CHECK_SECONDS_MAX,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
    ) -> None:
        self._check_seconds_max = check_seconds_max
        self._idle_seconds_max = idle_seconds_max
        self._worker: _Worker | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the worker."""
        if self._idle:
            self._idle.cancel()
        self._retire(self._worker)
        await asyncio.gather(*self._retiring)

    async def check(self, field: str, content: bytes) -> Letter:
        """The letter. Raises a Problem naming the field; Unavailable if there is no worker."""
        found = await self._verdict(content)
        reason = found.get("reason")
        if isinstance(reason, str):
            log.info("letter_refused", field=field, reason=reason)
            raise letter_problem(field, reason)
        return Letter(content, hashlib.sha256(content).digest(), int(found["pages"]))

    async def _verdict(self, content: bytes) -> Mapping[str, Any]:
        if not content:
            return {"reason": "empty"}
        if len(content) > PDF_BYTES_MAX:
            return {"reason": "too_large"}
        try:
            async with asyncio.timeout(QUEUE_SECONDS_MAX):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Unavailable from error
        try:
            return await self._ask_twice(content)
        finally:
            self._turn.release()
            self._await_idleness()

    async def _ask_twice(self, content: bytes) -> Mapping[str, Any]:
        """A worker that died of something else (a kill, an idle end) does not judge the letter."""
        for _ in range(2):
            worker = self._worker = self._worker or await _Worker.start()
            kept = False
            try:
                async with asyncio.timeout(self._check_seconds_max):
                    found = await worker.ask(content)
                kept = worker.checks < CHECKS_MAX
            except TimeoutError:
                return {"reason": "unreadable"}
            except (EOFError, OSError):
                if await worker.spent_its_time():
                    return {"reason": "unreadable"}
            else:
                return found
            finally:
                if not kept:  # also when the request was cancelled in the middle of a frame
                    self._retire(worker)
        return {"reason": "unreadable"}

    def _await_idleness(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds_max, self._end_idle)

    def _end_idle(self) -> None:
        if not self._turn.locked():
            self._retire(self._worker)

    def _retire(self, worker: "_Worker | None") -> None:
        self._worker = None
        if worker:
            ending = asyncio.create_task(worker.end())
            self._retiring.add(ending)
            ending.add_done_callback(self._retiring.discard)


class _Worker:
    """A running pdf_check process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.checks = 0

    @classmethod
    async def start(cls) -> Self:
        """Ready to be asked. Raises Unavailable. It inherits no setting and no secret."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "shared.web.pdf_check", str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            )  # fmt: skip
        except OSError as error:
            raise Unavailable from error
        worker = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                ready = await worker.receive()
        except (EOFError, OSError, TimeoutError) as error:
            worker.kill()
            raise Unavailable from error
        except BaseException:
            worker.kill()
            raise
        if ready != READY:
            worker.kill()
            raise Unavailable
        return worker

    async def ask(self, content: bytes) -> Mapping[str, Any]:
        """The verdict of one file. Raises EOFError or OSError when the process ends first."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - asked for in start()
        stdin.write(len(content).to_bytes(4, "big"))
        stdin.write(content)
        await stdin.drain()
        found: Mapping[str, Any] = orjson.loads(await self.receive())
        self.checks += 1
        return found

    async def receive(self) -> bytes:
        """The next frame."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - asked for in start()
        size = int.from_bytes(await stdout.readexactly(4), "big")
        if size > _ANSWER_BYTES_MAX:
            raise EOFError
        return await stdout.readexactly(size)

    async def spent_its_time(self) -> bool:
        """Whether the kernel ended it for the processor time a file took."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS_MAX):
                await self._process.wait()
        return self._process.returncode == -signal.SIGXCPU

    def kill(self) -> None:
        """At once; the event loop's child watcher reaps it."""
        with suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()

    async def end(self) -> None:
        """Kill it and wait until it is gone."""
        self.kill()
        await self._process.wait()


def letter_problem(field: str, reason: str) -> Problem:
    """What to tell the sender of a file that is no letter."""
    status, message = _MESSAGES[reason]
    return field_problem(field, message, status)
