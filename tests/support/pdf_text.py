"""The words that a PDF of typst shows, page by page, as a reader program would copy them out."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader

_STRING = rb"\(((?:[^\\()]|\\.)*)\)"
_TOKEN = re.compile(
    rb"/(f\d+) [\d.]+ Tf|/ActualText ?"
    + _STRING
    + rb"|/ActualText ?<([0-9A-Fa-f]+)>|(EMC)|"
    + _STRING,
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_CODE_TO_TEXT = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]+)>")


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page, without blanks: where a line ends nothing tells whether a blank stood there."""
    pages = PdfFileReader(BytesIO(pdf)).root["/Pages"]["/Kids"]
    texts = ("".join(_words_of(page.get_object())) for page in pages)
    return ["".join(text.replace("\u200b", "").split()) for text in texts]


def _words_of(page: Any) -> Iterator[str]:  # noqa: ANN401 - pyHanko has no types
    fonts = {
        name.removeprefix("/"): dict(_CODE_TO_TEXT.findall(font.get_object()["/ToUnicode"].data))
        for name, font in page["/Resources"]["/Font"].items()
    }
    font: dict[bytes, bytes] = {}
    spoken_for = False  # an ActualText stands for the glyphs up to the next EMC
    for name, actual, actual_hex, end, string in _TOKEN.findall(page["/Contents"].data):
        if name:
            font = fonts[name.decode()]
        elif actual or actual_hex:
            spoken_for = True
            yield _text_string(bytes.fromhex(actual_hex.decode()) or _unescaped(actual))
        elif end:
            spoken_for = False
        elif not spoken_for:
            yield from _glyphs(_unescaped(string), font)


def _glyphs(codes: bytes, font: dict[bytes, bytes]) -> Iterator[str]:
    for place in range(0, len(codes), 2):
        text = font.get(codes[place : place + 2].hex().upper().encode(), b"FFFD")
        yield bytes.fromhex(text.decode()).decode("utf-16-be")


def _text_string(text: bytes) -> str:
    if text.startswith(b"\xfe\xff"):
        return text[2:].decode("utf-16-be")
    return text.decode("latin-1")


def _unescaped(string: bytes) -> bytes:
    def one(escape: re.Match[bytes]) -> bytes:
        code = escape[1]
        return bytes([int(code, 8)]) if code.isdigit() else _ESCAPED.get(code, code)

    return _ESCAPE.sub(one, string)
