"""Memory of a service: small again after a large upload, and not searched for rubbish where none can be."""

import ctypes
import gc
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3  # malloc.h of the GNU C library
_LARGE_BYTES: Final = 256 * 1024
_NEW_OBJECTS: Final = 20_000
"""A batch of 500 facts makes so many at once; with Python's 700 it is searched through thirty times."""


def give_back_large_blocks() -> None:
    """Once, early in a process. Measured: 80 MB instead of 97 MB resident after letters of 9 MB.

    Left alone, the GNU allocator raises its threshold with each large block that is freed and then keeps such
    blocks in its heap. Another C library has no such call, and needs none.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def spare_the_collector() -> None:
    """Once, when everything is built: what was imported stays, so no collection looks at it again.

    Measured: a batch of facts is taken in in 70 µs a fact instead of 82.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 50)
