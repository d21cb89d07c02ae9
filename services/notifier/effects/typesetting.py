"""One typst document, set in a process of its own: `python -I typesetting.py` reads a job from stdin, writes a PDF.

Run by its path and importing nothing of ours, so that it starts fast and holds no settings, secrets or connections.
The same job gives the same bytes: fonts are typst's embedded ones and the creation time is part of the job.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Literal

import typst

CPU_SECONDS_MAX = 20
MEMORY_BYTES_MAX = 2 * 1024**3


def typeset(
    template: Path, letter: object, created_at: int, output: Literal["pdf", "png"]
) -> bytes:
    """The document; `letter` reaches the template as JSON text in `sys.inputs.letter`, never as typst source.

    `created_at` in seconds since 1970; `output` is `pdf`, or `png` for the first page as an image.
    """
    made: object = typst.compile(
        template,
        root=template.parent,
        ignore_system_fonts=True,
        sys_inputs={"letter": json.dumps(letter)},
        timestamp=created_at,
        format=output,
    )
    first = made[0] if isinstance(made, list) else made  # several pages are several images
    assert isinstance(first, bytes)  # noqa: S101 - nothing else without an output path
    return first


def main() -> None:
    """Bounded in processor time and memory by the kernel; the parent bounds the time on the wall."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    job = json.load(sys.stdin)
    sys.stdout.buffer.write(
        typeset(Path(job["template"]), job["letter"], job["created_at"], job["output"])
    )


if __name__ == "__main__":
    main()
