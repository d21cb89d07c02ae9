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
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
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


def _limit(value: object) -> Limit:
    if not isinstance(value, str):
        message = "a limit is text with its unit, such as 5wd or 3wh"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueError only
    return Limit.parse(value)


def _all_different(codes: list[str], what: str) -> None:
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        message = f"{what} stand twice: {', '.join(twice)}"
        raise ValueError(message)


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https://|mailto:|tel:)\S+$")]
LimitText = Annotated[Limit, BeforeValidator(_limit)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Owner(_Part):
    """The office that gives the service."""

    name: Text
    short_name: Text
    address: Text
    telephone: Text
    email: Text
    website: Url


class Requirements(_Part):
    """Persyaratan."""

    title: Text
    items: list[Text] = Field(min_length=1)


class Step(_Part):
    """One step of the procedure and who takes it."""

    code: Code
    actor: Text
    text: Text


class Procedure(_Part):
    """Prosedur."""

    title: Text
    steps: list[Step] = Field(min_length=1)


class Completion(_Part):
    """Waktu penyelesaian, for the whole chain of a request."""

    title: Text
    limit: LimitText
    text: Text


class Fee(_Part):
    """Biaya, in rupiah."""

    title: Text
    rupiah: int = Field(ge=0)
    text: Text


class Product(_Part):
    """Produk."""

    title: Text
    text: Text


class Contact(_Part):
    """A contact one can follow."""

    label: Text
    url: Url


class Channel(_Part):
    """A way to complain."""

    code: Code
    label: Text
    text: Text
    contacts: list[Contact] = Field(default_factory=list)


class Category(_Part):
    """A kind of complaint and the time it may take."""

    code: Code
    label: Text
    limit: LimitText
    text: Text


def _channels(channels: list[Channel]) -> list[Channel]:
    _all_different([channel.code for channel in channels], "channels")
    return channels


def _categories(categories: list[Category]) -> list[Category]:
    _all_different([category.code for category in categories], "categories")
    return categories


class Complaints(_Part):
    """Pengaduan."""

    title: Text
    channels: Annotated[list[Channel], Field(min_length=1), AfterValidator(_channels)]
    categories: Annotated[list[Category], Field(min_length=1), AfterValidator(_categories)]


class LegalBasis(_Part):
    """A law to cite."""

    code: Code
    citation: Text
    about: Text


class Retention(_Part):
    """How long a closed case is kept; the deployer's decision unless the SK says so."""

    years_after_closing: int = Field(ge=1, le=100)
    from_the_standard: bool
    note: Text


class Standard(_Part):
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
        _all_different([step.code for step in self.procedure.steps], "steps")
        _all_different([basis.code for basis in self.legal_bases], "legal bases")
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
