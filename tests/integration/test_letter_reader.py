"""A letter is a PDF of at most 10 MB that opens and has a page; a hostile one harms its reader only."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.event_sourcing.outcomes import Unavailable
from shared.web import pdf_check
from shared.web.letters import LetterChecker
from shared.web.multipart import PDF_BYTES_MAX
from shared.web.problems import Problem
from tests.support.pdf import bomb_pdf, encrypted_pdf, endless_pdf, pdf_with_content, plain_pdf


@pytest.fixture
async def letters() -> AsyncIterator[LetterChecker]:
    async with LetterChecker() as checker:
        yield checker


def worker_pid(letters: LetterChecker) -> int:
    assert letters._worker is not None  # noqa: SLF001 - what the test is about
    return letters._worker._process.pid  # noqa: SLF001 - its process is what the test kills


async def refusal(letters: LetterChecker, content: bytes) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        await letters.check("letter", content)
    assert [error.field for error in refused.value.errors] == ["letter"]
    return refused.value.status, refused.value.errors[0].message


async def test_a_readable_letter_passes(letters: LetterChecker) -> None:
    content = plain_pdf(3)
    letter = await letters.check("letter", content)
    assert (letter.content, letter.page_count) == (content, 3)
    assert letter.sha256 == hashlib.sha256(content).digest()


async def test_a_letter_of_nearly_the_largest_size_passes(letters: LetterChecker) -> None:
    large = plain_pdf(bytes_at_least=PDF_BYTES_MAX - 1000)
    assert (await letters.check("letter", large)).page_count == 1


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 422, "Berkas kosong."),
        (b"Surat permintaan", 422, "Berkas bukan PDF."),
        (b"\n" + plain_pdf(), 422, "Berkas bukan PDF."),
        (b"PK\x03\x04" + plain_pdf(), 422, "Berkas bukan PDF."),
        (encrypted_pdf(), 422, "PDF terkunci kata sandi; kirim PDF tanpa kata sandi."),
        (plain_pdf(0), 422, "PDF tidak memuat halaman."),
        (bytes(PDF_BYTES_MAX + 1), 413, "Paling besar 10 MB."),
    ],
)
async def test_what_is_no_letter_is_told_why(
    letters: LetterChecker, content: bytes, status: int, message: str
) -> None:
    assert await refusal(letters, content) == (status, message)


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + b"x" * 100_000,
        plain_pdf()[:-60],
        plain_pdf().replace(b"/Root 1 0 R", b"/Root 9 0 R"),
        plain_pdf().replace(b"/Kids[4 0 R]", b"/Kids[9 0 R]"),
        endless_pdf(),
        bomb_pdf(2_000_000_000),
        pdf_with_content(b"<<" * 5000),
        pdf_with_content(b"[" * 100_000),
    ],
)
async def test_what_cannot_be_read_is_refused_and_the_next_letter_passes(
    letters: LetterChecker, content: bytes
) -> None:
    status, message = await refusal(letters, content)
    assert status == 422
    assert message.startswith("PDF tidak dapat dibaca")
    assert (await letters.check("letter", plain_pdf())).page_count == 1


async def test_one_worker_serves_many_letters_at_once(letters: LetterChecker) -> None:
    await letters.check("letter", plain_pdf())
    first = worker_pid(letters)
    await asyncio.gather(*(letters.check("letter", plain_pdf()) for _ in range(20)))
    assert worker_pid(letters) == first


async def test_a_killed_worker_is_replaced_without_the_sender_knowing(
    letters: LetterChecker,
) -> None:
    await letters.check("letter", plain_pdf())
    os.kill(worker_pid(letters), signal.SIGKILL)
    assert (await letters.check("letter", plain_pdf())).page_count == 1


async def test_a_worker_that_does_not_answer_in_time_is_ended_and_the_letter_refused() -> None:
    async with LetterChecker(check_seconds_max=0.5) as letters:
        await letters.check("letter", plain_pdf())
        frozen = worker_pid(letters)
        os.kill(frozen, signal.SIGSTOP)
        assert (await refusal(letters, plain_pdf()))[0] == 422
        assert (await letters.check("letter", plain_pdf())).page_count == 1
        assert worker_pid(letters) != frozen


async def test_a_letter_that_takes_too_much_processor_time_is_refused(
    letters: LetterChecker,
) -> None:
    await letters.check("letter", plain_pdf())
    os.kill(worker_pid(letters), signal.SIGXCPU)  # as the kernel does
    assert (await refusal(letters, plain_pdf()))[0] == 422
    assert (await letters.check("letter", plain_pdf())).page_count == 1


async def test_a_worker_is_changed_after_many_letters(
    letters: LetterChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.letters.CHECKS_MAX", 2)
    await letters.check("letter", plain_pdf())
    first = worker_pid(letters)
    await letters.check("letter", plain_pdf())
    await letters.check("letter", plain_pdf())
    assert worker_pid(letters) != first


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false", "/bin/cat"])
async def test_without_a_worker_the_letter_is_not_judged(
    letters: LetterChecker, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(Unavailable):
        await letters.check("letter", plain_pdf())
    monkeypatch.undo()
    assert (await letters.check("letter", plain_pdf())).page_count == 1


async def test_whoever_waits_too_long_for_the_worker_is_asked_to_come_back(
    letters: LetterChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.letters.QUEUE_SECONDS_MAX", 0.1)
    await letters.check("letter", plain_pdf())
    os.kill(worker_pid(letters), signal.SIGSTOP)
    first = asyncio.create_task(letters.check("letter", plain_pdf()))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await letters.check("letter", plain_pdf())
    os.kill(worker_pid(letters), signal.SIGCONT)
    assert (await first).page_count == 1


async def test_a_request_given_up_in_the_middle_does_not_mix_up_the_answers(
    letters: LetterChecker,
) -> None:
    await letters.check("letter", plain_pdf())
    os.kill(worker_pid(letters), signal.SIGSTOP)
    given_up = asyncio.create_task(letters.check("letter", plain_pdf(2)))
    await asyncio.sleep(0.1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert (await letters.check("letter", plain_pdf(3))).page_count == 3


async def test_an_idle_worker_is_ended() -> None:
    async with LetterChecker(idle_seconds_max=0.05) as letters:
        await letters.check("letter", plain_pdf())
        pid = worker_pid(letters)
        await _gone(pid)


def test_a_worker_ends_with_the_service_and_takes_no_secret_with_it() -> None:
    script = (
        "import asyncio; from shared.web.letters import LetterChecker; from tests.support.pdf import plain_pdf\n"
        "async def main():\n"
        "    letters = LetterChecker(); await letters.check('letter', plain_pdf())\n"
        "    print(letters._worker._process.pid, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    service = subprocess.Popen(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "DATACLOUD_SECRET_FILE": "canary"},
        cwd=Path(pdf_check.__file__).parents[2],
    )
    assert service.stdout is not None
    with service, service.stdout:
        worker = int(service.stdout.readline())
        assert b"canary" not in Path(f"/proc/{worker}/environ").read_bytes()
        service.kill()
    asyncio.run(_gone(worker))


def test_the_reader_counts_every_page_up_to_a_limit() -> None:
    assert pdf_check.verdict(plain_pdf(pdf_check.PAGES_MAX + 5)) == {"pages": pdf_check.PAGES_MAX}


async def _gone(pid: int) -> None:
    until = time.monotonic() + 5
    while _runs(pid):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """A zombie does not: it waits for somebody to read its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
