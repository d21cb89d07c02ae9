"""A multipart body has exactly the parts asked for, each within its limit, and touches no disk."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, Request

from shared.web.json_body import RequestBody
from shared.web.multipart import PDF_BYTES_MAX, pdf_part, read_multipart
from tests.support.web import application, client_of, fields_of

BOUNDARY = "batas"
JSON = b'{"agency_code": "DINKES"}'
PDF = b"%PDF-1.7 ..."


class Filed(RequestBody):
    agency_code: str


def routes() -> APIRouter:
    router = APIRouter()
    files = (pdf_part("letter"), pdf_part("appointment", required=False))

    @router.post("/api/requests")
    async def filed(request: Request) -> dict[str, object]:
        read = await read_multipart(request, Filed, files)
        sizes = {name: len(content) for name, content in read.files.items()}
        return {"agency_code": read.body.agency_code, "sizes": sizes}

    return router


APP = application(routes())


def part(name: str, content: bytes, media_type: str = "", extra: str = "") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="../../x"\r\n'
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    return f"--{BOUNDARY}\r\n{disposition}{kind}{extra}\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
REQUEST = part("request", JSON, "application/json")
LETTER = part("letter", PDF, "application/pdf")


async def post(*chunks: bytes, media_type: str | None = None) -> tuple[int, object]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    media_type = media_type or f"multipart/form-data; boundary={BOUNDARY}"
    async with client_of(APP) as client:
        answer = await client.post(
            "/api/requests", content=body(), headers={"Content-Type": media_type}
        )
    return answer.status_code, answer.json() if answer.is_success else list(fields_of(answer))


async def test_the_parts_are_read() -> None:
    good = {"agency_code": "DINKES", "sizes": {"letter": len(PDF)}}
    assert await post(REQUEST, LETTER, END) == (200, good)
    assert await post(LETTER, part("request", JSON), END) == (200, good)


async def test_the_parts_are_read_byte_by_byte() -> None:
    whole = REQUEST + LETTER + part("appointment", PDF) + END
    status, read = await post(*(whole[place : place + 1] for place in range(len(whole))))
    assert (status, read) == (
        200,
        {"agency_code": "DINKES", "sizes": {"letter": len(PDF), "appointment": len(PDF)}},
    )


async def test_a_letter_of_the_largest_size_is_read() -> None:
    large = part("letter", bytes(PDF_BYTES_MAX), "application/pdf")
    status, read = await post(REQUEST, large[:5_000_000], large[5_000_000:], END)
    assert status == 200, read


@pytest.mark.parametrize(
    ("chunks", "status", "fields"),
    [
        ((REQUEST, END), 422, ["letter"]),
        ((LETTER, END), 422, ["request"]),
        ((END,), 422, ["request", "letter"]),
        ((REQUEST, LETTER, LETTER, END), 422, ["letter"]),
        ((REQUEST, LETTER, part("extra", b"x"), END), 422, ["extra"]),
        ((REQUEST, part("letter", PDF, "image/png"), END), 422, ["letter"]),
        ((REQUEST, part("letter", PDF, "", "Content-Transfer-Encoding: base64\r\n"), END), 422, ["letter"]),
        ((part("request", JSON, "application/xml"), LETTER, END), 422, ["request"]),
        ((part("request", JSON, "application/json; charset=latin-1"), LETTER, END), 422, ["request"]),
        ((part("request", b""), LETTER, END), 422, ["request"]),
        ((part("request", b"{"), LETTER, END), 422, ["request"]),
        ((part("request", b"{}"), LETTER, END), 422, ["agency_code"]),
        ((part("request", b'{"agency_code": "A", "agency_code": "B"}'), LETTER, END), 422, ["agency_code"]),
        ((part("request", b" " * 70_000), LETTER, END), 413, ["request"]),
        ((REQUEST, part("letter", bytes(PDF_BYTES_MAX + 1)), END), 413, ["letter"]),
        ((REQUEST, part("letter", bytes(11_000_000)), END), 413, ["letter"]),
        ((REQUEST, LETTER), 400, []),
        ((REQUEST + LETTER[:-10],), 400, []),
        ((b"",), 400, []),
        ((b"nonsense",), 400, []),
        ((REQUEST, f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n".encode(), END), 400, []),
        ((REQUEST, b"--batas\r\nContent-Disposition: attachment; name=letter\r\n\r\nz\r\n", END), 400, []),
        ((part("letter", PDF, "", "Content-Type: a/b\r\ncontent-type: c/d\r\n"), END), 400, []),
        ((part("letter", PDF, "", "".join(f"X{n}: y\r\n" for n in range(20))), END), 400, []),
        ((part("letter", PDF, "", "X: " + "y" * 5000 + "\r\n"), END), 400, []),
        ((part("x" * 500, PDF), END), 422, ["x" * 100]),
        ((part("a\x07b", PDF), END), 422, ["a\ufffdb"]),
    ],
)  # fmt: skip
async def test_anything_else_is_refused(
    chunks: tuple[bytes, ...], status: int, fields: list[str]
) -> None:
    assert await post(*chunks) == (status, fields)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/mixed; boundary=batas",
        "application/x-www-form-urlencoded",
    ],
)
async def test_another_media_type_is_415_and_names_the_missing_parts(media_type: str) -> None:
    assert await post(REQUEST, LETTER, END, media_type=media_type) == (415, ["request", "letter"])
