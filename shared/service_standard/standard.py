"""One service standard (an SK) as typed data, and all its versions.

A mistake in a file stops the start with the file, the place and what is wrong there.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import Field, ValidationError, model_validator

from shared.service_standard.published_parts import (
    Channel,
    Complaints,
    Completion,
    Fee,
    LegalBasis,
    Owner,
    Part,
    Procedure,
    Product,
    Requirements,
    Retention,
    Text,
    all_different,
)
from shared.working_time.deadlines import Limit

BUNDLED = Path(__file__).parent


class StandardFileError(ValueError):
    """A standard that cannot be used: names the file and every mistake found in it."""

    def __init__(self, path: Path, mistake: str) -> None:
        super().__init__(f"{path}: {mistake}")


class UnknownStandardError(LookupError):
    """No standard of that number is known."""

    def __init__(self, number: str) -> None:
        super().__init__(f"no standard {number!r}")
        self.number = number


class Standard(Part):
    """A published service standard; the texts are Indonesian and shown as they stand."""

    number: Text
    title: Text
    service: Text
    effective_on: date
    effective_on_source: Text
    owner: Owner
    requirements: Requirements
    procedure: Procedure
    completion: Completion
    fee: Fee
    product: Product
    complaints: Complaints
    legal_bases: list[LegalBasis] = Field(min_length=1)
    retention: Retention

    @model_validator(mode="after")
    def _steps_are_named_once(self) -> "Standard":
        all_different([step.code for step in self.procedure.steps], "steps")
        all_different([basis.code for basis in self.legal_bases], "legal bases")
        return self

    @property
    def request_limit(self) -> Limit:
        """For a request, from receipt to the sending of the confirmation letter."""
        return self.completion.limit

    @property
    def complaint_limits(self) -> Mapping[str, Limit]:
        """By category code."""
        return MappingProxyType({each.code: each.limit for each in self.complaints.categories})

    @property
    def shortest_complaint_limit(self) -> Limit:
        """What a complaint runs under until it is classified (DOMAIN section 4 rule 6)."""
        return min(self.complaint_limits.values(), key=lambda limit: limit.length)

    @property
    def channels(self) -> Mapping[str, Channel]:
        """By channel code, in the order of the standard."""
        return MappingProxyType({channel.code: channel for channel in self.complaints.channels})


@dataclass(frozen=True, slots=True)
class Standards:
    """Every version of the standard, the earliest first; never empty."""

    versions: tuple[Standard, ...]

    def at(self, on: date) -> Standard:
        """The standard for a case received on that date; before the first version, the first."""
        in_force = [version for version in self.versions if version.effective_on <= on]
        return in_force[-1] if in_force else self.versions[0]

    def by_number(self, number: str) -> Standard:
        """The standard a case began under. Raises UnknownStandardError."""
        for version in self.versions:
            if version.number == number:
                return version
        raise UnknownStandardError(number)

    @property
    def newest(self) -> Standard:
        """The version with the latest effective date."""
        return self.versions[-1]


def load_standards(directory: Path = BUNDLED) -> Standards:
    """Read every standard of a directory. Raises StandardFileError."""
    found = [(path, _read(path)) for path in sorted(directory.glob("*.toml"))]
    if not found:
        raise StandardFileError(directory, "holds no standard (*.toml)")
    numbers: set[str] = set()
    dates: set[date] = set()
    for path, standard in found:
        if standard.number in numbers:
            raise StandardFileError(path, f"number {standard.number} stands in another file too")
        if standard.effective_on in dates:
            raise StandardFileError(path, f"another standard begins on {standard.effective_on}")
        numbers.add(standard.number)
        dates.add(standard.effective_on)
    versions = sorted((standard for _, standard in found), key=lambda each: each.effective_on)
    return Standards(tuple(versions))


@cache
def load_standard() -> Standard:
    """The newest standard that ships with the program; read once."""
    return load_standards().newest


def _read(path: Path) -> Standard:
    try:
        return Standard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        mistakes = (
            f"{'.'.join(map(str, mistake['loc'])) or 'file'}: {mistake['msg']}"
            for mistake in error.errors()
        )
        raise StandardFileError(path, "; ".join(mistakes)) from None
    except (OSError, ValueError) as error:
        raise StandardFileError(path, str(error)) from error
