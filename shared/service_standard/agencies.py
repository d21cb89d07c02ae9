"""The register of agencies: who may ask, under which name, from which e-mail domain."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

BUNDLED = Path(__file__).parent / "agencies.csv"

_COLUMNS = ["code", "name", "email_domain"]
_CODE = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_CODE_LENGTH_MAX = 40
_NAME_LENGTH_MAX = 200
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+{_LABEL}")


class AgencyFileError(ValueError):
    """A register that cannot be used: names the file, the line and what is wrong there."""

    def __init__(self, path: Path, line: int, mistake: str) -> None:
        super().__init__(f"{path}, line {line}: {mistake}")


@dataclass(frozen=True, slots=True)
class Agency:
    """A Perangkat Daerah, or an office or school below one."""

    code: str
    name: str
    email_domain: str


def load_agencies(path: Path = BUNDLED) -> Mapping[str, Agency]:
    """Read a register by code, in the order of the file. Raises AgencyFileError.

    A byte order mark, as spreadsheets write it, is ignored.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AgencyFileError(path, 1, str(error)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return MappingProxyType(_register(reader))
    except (csv.Error, ValueError) as error:
        raise AgencyFileError(path, max(reader.line_num, 1), str(error)) from error


@cache
def agencies() -> Mapping[str, Agency]:
    """The register that ships with the program; read once."""
    return load_agencies()


def _register(rows: Iterator[list[str]]) -> dict[str, Agency]:
    if next(rows, []) != _COLUMNS:
        message = f"the first line must be {','.join(_COLUMNS)}"
        raise ValueError(message)
    found: dict[str, Agency] = {}
    for row in rows:
        agency = _agency(row, found.values())
        found[agency.code] = agency
    if not found:
        message = "holds no agency"
        raise ValueError(message)
    return found


def _agency(row: list[str], before: Iterable[Agency]) -> Agency:
    if len(row) != len(_COLUMNS):
        message = f"{len(row)} columns instead of {len(_COLUMNS)}"
        raise ValueError(message)
    agency = Agency(*row)
    if len(agency.code) > _CODE_LENGTH_MAX or not _CODE.fullmatch(agency.code):
        message = f"code {agency.code!r} is not lower-case letters, digits and single hyphens"
        raise ValueError(message)
    name = agency.name
    if not name.isprintable() or name.strip() != name or not 0 < len(name) <= _NAME_LENGTH_MAX:
        message = f"name {name[:40]!r} is empty, too long or not plain text"
        raise ValueError(message)
    if not _DOMAIN.fullmatch(agency.email_domain):
        message = f"e-mail domain {agency.email_domain[:40]!r} is not a lower-case domain"
        raise ValueError(message)
    for other in before:
        if agency.code == other.code or agency.name == other.name:
            message = f"{agency.code} ({agency.name}) stands twice"
            raise ValueError(message)
    return agency
