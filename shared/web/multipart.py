"""Reads multipart/form-data of exactly the parts asked for, in memory, each within its limit.

Nothing is written to disk, and no file name is looked at: a name from outside means nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from shared.web.json_body import JSON_BYTES_MAX, RequestBody, is_utf8, parse_json
from shared.web.problems import FieldError, Problem, field_problem, problem

PDF_BYTES_MAX = 10 * 1024 * 1024
_FRAME_BYTES_MAX = 16 * 1024  # boundaries and part headers of a whole body
_HEADER_BYTES_MAX = 2048
_HEADERS_MAX = 8
_BROKEN = "Isi multipart/form-data rusak atau terpotong."

M = TypeVar("M", bound=RequestBody)


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its name, with what it may hold."""

    name: str
    media_types: frozenset[str]
    bytes_max: int
    required: bool = True


def pdf_part(name: str, *, required: bool = True) -> Part:
    """A PDF of at most 10 MB. Its bytes are to be checked by letters, not believed."""
    media_types = frozenset({"", "application/pdf", "application/octet-stream"})
    return Part(name, media_types, PDF_BYTES_MAX, required)


def json_part(name: str) -> Part:
    """A JSON document; curl and browsers send it without a media type, or as text/plain."""
    return Part(name, frozenset({"", "application/json", "text/plain"}), JSON_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Multipart(Generic[M]):
    """What was sent. `files` has the parts that came."""

    body: M
    files: Mapping[str, bytes]


async def read_multipart(
    request: Request, model: type[M], files: Sequence[Part], name: str = "request"
) -> Multipart[M]:
    """A JSON part of this name and files. Raises a Problem naming the part or the JSON field."""
    read = await read_parts(request, (json_part(name), *files))
    body = parse_json(read.pop(name), model, name)
    return Multipart(body, read)


async def read_parts(request: Request, parts: Sequence[Part]) -> dict[str, bytes]:
    """The parts' bytes by name. Raises a Problem: 415 other media type, 413 too large, 422."""
    reading = _Reading({part.name: part for part in parts})
    parser = MultipartParser(
        _boundary(request, parts),
        {
            "on_part_begin": reading.on_part_begin,
            "on_header_field": reading.on_header_field,
            "on_header_value": reading.on_header_value,
            "on_header_end": reading.on_header_end,
            "on_headers_finished": reading.on_headers_finished,
            "on_part_data": reading.on_part_data,
            "on_part_end": reading.on_part_end,
            "on_end": reading.on_end,
        },
        max_header_count=_HEADERS_MAX,
        max_header_size=_HEADER_BYTES_MAX,
    )
    bytes_max = sum(part.bytes_max for part in parts) + _FRAME_BYTES_MAX
    async for chunk in request.stream():
        try:
            parser.write(chunk)  # first, so that a part that is too large is named
        except FormParserError:
            raise problem(400, detail=_BROKEN) from None
        bytes_max -= len(chunk)
        if bytes_max < 0:
            raise problem(413)
    return reading.finished()


def _boundary(request: Request, parts: Sequence[Part]) -> bytes:
    sent = request.headers.getlist("content-type")
    media_type, options = parse_options_header(sent[0] if len(sent) == 1 else None)
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046, 5.1.1
        errors = [FieldError(part.name, "Wajib dilampirkan.") for part in parts if part.required]
        raise problem(415, *errors, detail="Kirim isi sebagai multipart/form-data.")
    return boundary


@dataclass(slots=True)
class _Reading:
    """What the parser has come across. Refuses at the first byte that is too much."""

    parts: Mapping[str, Part]
    read: dict[str, bytearray] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    header: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    part: Part | None = None
    ended: bool = False

    def on_part_begin(self) -> None:
        self.headers = {}

    def on_header_field(self, chunk: bytes, start: int, end: int) -> None:
        self.header[0].extend(chunk[start:end])

    def on_header_value(self, chunk: bytes, start: int, end: int) -> None:
        self.header[1].extend(chunk[start:end])

    def on_header_end(self) -> None:
        name, value = (bytes(part).decode("latin-1").strip() for part in self.header)
        self.header = (bytearray(), bytearray())
        if name.lower() in self.headers:
            raise problem(400, detail=_BROKEN)
        self.headers[name.lower()] = value

    def on_headers_finished(self) -> None:
        disposition, options = parse_options_header(self.headers.get("content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if disposition != b"form-data" or not name:
            raise problem(400, detail=_BROKEN)
        shown = "".join(each if each.isprintable() else "�" for each in name[:100])
        if (part := self.parts.get(name)) is None:
            raise field_problem(shown, "Bagian ini tidak dikenal.")
        if name in self.read:
            raise field_problem(shown, "Bagian ini dikirim dua kali.")
        self._check_media_type(part)
        self.part, self.read[name] = part, bytearray()

    def _check_media_type(self, part: Part) -> None:
        encoding = self.headers.get("content-transfer-encoding", "binary").lower()
        media_type, _, parameters = self.headers.get("content-type", "").lower().partition(";")
        accepted = media_type.strip() in part.media_types and is_utf8(parameters)
        if not accepted or encoding not in {"binary", "7bit", "8bit"}:
            raise field_problem(part.name, "Jenis isi bagian ini tidak didukung.")

    def on_part_data(self, chunk: bytes, start: int, end: int) -> None:
        if self.part is None:
            return
        kept = self.read[self.part.name]
        if len(kept) + end - start > self.part.bytes_max:
            raise too_large(self.part)
        kept += memoryview(chunk)[start:end]

    def on_part_end(self) -> None:
        self.part = None

    def on_end(self) -> None:
        self.ended = True

    def finished(self) -> dict[str, bytes]:
        if not self.ended:
            raise problem(400, detail=_BROKEN)
        missing = [
            FieldError(part.name, "Wajib dilampirkan.")
            for part in self.parts.values()
            if part.required and part.name not in self.read
        ]
        if missing:
            raise problem(422, *missing)
        return {name: bytes(self.read.pop(name)) for name in list(self.read)}


def too_large(part: Part) -> Problem:
    """More than the part's limit: 413 that names it."""
    unit, size = ("MB", 1024 * 1024) if part.bytes_max >= 1024 * 1024 else ("KB", 1024)
    return field_problem(part.name, f"Paling besar {part.bytes_max // size} {unit}.", 413)
