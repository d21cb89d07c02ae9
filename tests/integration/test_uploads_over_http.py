"""Uploads over a real connection: who sends too much reads why, and nothing is left on the disk."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter, Request
from structlog.testing import capture_logs

from shared.web.json_body import RequestBody
from shared.web.letters import LetterChecker
from shared.web.multipart import pdf_part, read_multipart
from tests.support.pdf import encrypted_pdf, plain_pdf
from tests.support.web import application, fields_of, served


class Filed(RequestBody):
    agency_code: str


def routes(letters: LetterChecker) -> APIRouter:
    router = APIRouter()

    @router.post("/api/requests")
    async def filed(request: Request) -> dict[str, object]:
        read = await read_multipart(request, Filed, (pdf_part("letter"),))
        letter = await letters.check("letter", read.files["letter"])
        return {"agency_code": read.body.agency_code, "pages": letter.page_count}

    return router


@pytest.fixture
async def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with LetterChecker() as letters:
        with capture_logs():
            async with served(application(routes(letters))) as address:
                yield address
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a moment's look


async def post(address: str, letter: bytes) -> httpx2.Response:
    files: dict[str, tuple[str | None, str | bytes, str]] = {
        "request": (None, json.dumps({"agency_code": "DINKES"}), "application/json"),
        "letter": ("surat.pdf", letter, "application/pdf"),
    }
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{address}/api/requests", files=files)


async def test_a_letter_arrives(address: str) -> None:
    answer = await post(address, plain_pdf(2, bytes_at_least=3_000_000))
    assert answer.json() == {"agency_code": "DINKES", "pages": 2}


@pytest.mark.parametrize("size", [11_000_000, 30_000_000, 60_000_000])
async def test_who_sends_too_much_reads_why(address: str, size: int) -> None:
    answer = await post(address, bytes(size))
    assert (answer.status_code, fields_of(answer)) == (413, ["letter"])


@pytest.mark.parametrize("letter", [b"", b"no", encrypted_pdf()])
async def test_what_is_no_letter_is_told_so(address: str, letter: bytes) -> None:
    answer = await post(address, letter)
    assert (answer.status_code, fields_of(answer)) == (422, ["letter"])


async def test_twenty_letters_at_once_are_all_read(address: str) -> None:
    answers = await asyncio.gather(*(post(address, plain_pdf()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_sender_who_hangs_up_is_no_failure(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with capture_logs() as lines:
        _, writer = await asyncio.open_connection(host, int(port))
        head = "POST /api/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        for _ in range(100):
            if lines:
                break
            await asyncio.sleep(0.02)
    assert [(line["event"], line["status"]) for line in lines] == [("request_answered", 499)]


async def test_a_sender_who_waits_to_be_asked_is_refused_at_once(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
    writer.write(f"{head}Expect: 100-continue\r\nContent-Type: text/plain\r\n\r\n".encode())
    assert b" 415 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
