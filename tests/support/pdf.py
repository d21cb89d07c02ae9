"""PDF files for tests: honest ones and hostile ones, made here so that each byte is known."""

import zlib
from collections.abc import Sequence
from io import BytesIO

from pyhanko.pdf_utils.crypt import StandardSecurityHandler
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"


def plain_pdf(pages: int = 1, *, bytes_at_least: int = 0) -> bytes:
    """A readable letter of so many pages, padded by a comment."""
    kids = b" ".join(b"%d 0 R" % (4 + page) for page in range(pages))
    tree = b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids)
    stream = _stream(b"", b"BT /F1 12 Tf (Surat permintaan) Tj ET")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R>>"
    padding = b"%" + b"x" * bytes_at_least + b"\n" if bytes_at_least else b""
    return assemble([_CATALOG, tree, stream, *[page] * pages], padding)


def pdf_with_content(stream: bytes) -> bytes:
    """One page whose content is this stream object."""
    tree = b"<</Type/Pages/Count 1/Kids[4 0 R]>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R>>"
    return assemble([_CATALOG, tree, stream, page])


def bomb_pdf(unpacked_bytes: int) -> bytes:
    """A page whose content is a thousand times longer than the file."""
    packed = zlib.compress(b" " * unpacked_bytes, 9)
    return pdf_with_content(_stream(b"/Filter/FlateDecode", packed))


def endless_pdf() -> bytes:
    """A page tree that is its own child."""
    return assemble([_CATALOG, b"<</Type/Pages/Count 1/Kids[2 0 R]>>"])


def encrypted_pdf() -> bytes:
    """Needs a password to open."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(plain_pdf()), strict=False))
    handler = StandardSecurityHandler.build_from_pw("rahasia", "rahasia")
    writer._assign_security_handler(handler)  # noqa: SLF001 - pyHanko has no public way for a copy
    written = BytesIO()
    writer.write(written)  # type: ignore[no-untyped-call]  # pyHanko types it not
    return written.getvalue()


def assemble(objects: Sequence[bytes], padding: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1; the first is the catalog."""
    file = bytearray(b"%PDF-1.7\n" + padding)
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
    return bytes(file + b"startxref\n%d\n%%%%EOF\n" % table)


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(content), entries, content)
