"""What every command of operators has in common: one Indonesian line when it cannot do what it was asked."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.event_sourcing.migrations import ChangedMigration


class CannotDo(Exception):  # noqa: N818 - told to the operator as it is
    """A command cannot do what it was asked; the message is Indonesian, for the operator."""


@contextmanager
def database_of(service: str) -> Iterator[None]:
    """Whatever goes wrong with this database is told with its name."""
    try:
        yield
    except ChangedMigration as error:
        message = f"berkas migrasi {service} bukan yang dahulu diterapkan: {error}"
        raise CannotDo(message) from None
    except OSError as error:
        message = f"basis data {service} tidak menjawab ({type(error).__name__})"
        raise CannotDo(message) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        message = f"basis data {service} menolak ({type(error).__name__}: {first})"
        raise CannotDo(message) from None


def fitting(line: str) -> str:
    """Folded between words where somebody reads it on a terminal, whole where a program does."""
    if not sys.stdout.isatty():
        return line
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(line, width, subsequent_indent=" " * 20, break_on_hyphens=False)
