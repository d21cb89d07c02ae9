"""A worker process that reads PDFs for letters.py: `python -m shared.web.pdf_check <parent's pid>`.

Frames on standard input and output: four bytes of length, then the PDF, then the verdict as JSON. A
hostile file can spend this process's processor time and memory, never the service's; the process
writes no file and ends with its parent.
"""

import json
import logging
import os
import resource
import signal
import sys
from io import BytesIO
from typing import Any, BinaryIO, Final

READY: Final = b'{"ready":true}'
MEMORY_BYTES_MAX = 256 * 1024 * 1024
CPU_SECONDS_MAX = 5
PAGES_MAX = 2000
_DEPTH_MAX = 50
_OPEN_FILES_MAX = 64


def main() -> None:
    """Answer until the input ends."""
    _end_with_parent(int(sys.argv[1]))
    frames_in, frames_out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # whatever a library prints is no frame
    os.dup2(null, 2)
    logging.disable(logging.CRITICAL)
    import pyhanko.pdf_utils.reader  # noqa: F401, PLC0415 - heavy; before the limits are set

    _limit_resources()
    write_frame(frames_out, READY)
    while (content := read_frame(frames_in)) is not None:
        _limit_processor_time()
        write_frame(frames_out, json.dumps(verdict(content)).encode())


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None at the end."""
    head = stream.read(4)
    if len(head) < 4:  # noqa: PLR2004 - the length of the length
        return None
    return stream.read(int.from_bytes(head, "big"))


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Length, content, flushed."""
    stream.write(len(content).to_bytes(4, "big") + content)
    stream.flush()


def verdict(content: bytes) -> dict[str, Any]:
    """`{"pages": n}`, or `{"reason": code}`: empty, not_pdf, encrypted, no_page, unreadable."""
    if not content:
        return {"reason": "empty"}
    if not content.startswith(b"%PDF-"):  # readers also find it later: there polyglots hide
        return {"reason": "not_pdf"}
    try:
        return _read(content)
    except Exception:  # noqa: BLE001 - whatever a forged file makes the library raise
        return {"reason": "unreadable"}


def _read(content: bytes) -> dict[str, Any]:
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - see main

    reader = PdfFileReader(BytesIO(content), strict=False)
    if reader.encrypted:
        return {"reason": "encrypted"}
    pages = _count_pages(reader.root["/Pages"])
    return {"pages": pages} if pages else {"reason": "no_page"}


def _count_pages(root: Any) -> int:  # noqa: ANN401 - pyHanko's dictionary
    """Each page is looked at; the content of the first is decoded within pyHanko's limits."""
    pages, waiting, nodes = 0, [(root, 0)], 0
    while waiting and pages < PAGES_MAX:
        reference, depth = waiting.pop()
        node = reference.get_object()
        nodes += 1
        if depth > _DEPTH_MAX or nodes > 2 * PAGES_MAX:
            message = "page tree too deep or too wide"
            raise ValueError(message)
        if "/Kids" in node:
            waiting += [(kid, depth + 1) for kid in reversed(list(node["/Kids"]))]
        elif node["/Type"] == "/Page":
            if pages == 0:
                _decode(node)
            pages += 1
    return pages


def _decode(page: Any) -> None:  # noqa: ANN401 - pyHanko's dictionary
    contents = page.get("/Contents", [])
    for stream in contents if isinstance(contents, list) else [contents]:
        len(stream.get_object().data)


def _end_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - nowhere else

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


def _limit_resources() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_MAX),
    ):
        resource.setrlimit(kind, (most, most))


def _limit_processor_time() -> None:
    """For the next file: past it the kernel ends this process (SIGXCPU), whatever it is doing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + 1 + CPU_SECONDS_MAX, hard))


if __name__ == "__main__":
    main()
