"""The form of every fact: closed when we say it, open when we hear it, and built from fields that cannot hold a name.

Text is only ever a code, a number of a register or a key: each kind has a pattern, so that NUL, line breaks and
bidirectional overrides are refused with the rest. A free text or a name has no type here (tests/contracts).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_FIRST_YEAR, _YEAR_TOO_LATE = 2000, 2200  # far enough from datetime's edges for every time zone
_INTEGER_MAX = 2**31 - 1  # an integer column


@dataclass(frozen=True, slots=True)
class _InUtc:
    """Checked by pydantic's core: a Python validator would cost as much as the rest of the fact."""

    def __get_pydantic_core_schema__(
        self, source: type[datetime], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.datetime_schema(
            tz_constraint=0,
            ge=datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC),
            lt=datetime(_YEAR_TOO_LATE, 1, 1, tzinfo=UTC),
        )


Instant = Annotated[datetime, _InUtc(), Field(examples=["2026-11-23T03:00:00.123456Z"])]
"""A point in time, in UTC and saying so."""

Day = Annotated[
    date,
    Field(ge=date(_FIRST_YEAR, 1, 1), lt=date(_YEAR_TOO_LATE, 1, 1), examples=["2026-11-24"]),
]
"""A day of the office, Asia/Pontianak."""

Count = Annotated[int, Field(ge=1, le=_INTEGER_MAX, examples=[2])]
"""A cycle, a version, a number of attempts: counted from 1."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["letter_unreadable"])]
"""A snake_case word of ours; its Indonesian sentence lives with the service that shows it."""

AgencyCode = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["BAPPEDA"])
]
"""An agency's code in the register of agencies."""

RegistrationNumber = Annotated[
    str, Field(pattern=r"^[A-Z]{2,5}-[0-9]{4}-[0-9]{6,12}$", examples=["DC-2026-000123"])
]
"""The public number of a request or complaint: DC-2026-000123, PGD-2026-000045."""

LetterNumber = Annotated[
    str,
    Field(pattern=r"^[0-9A-Z][0-9A-Za-z ./_-]{0,99}$", examples=["000.8/123/DISKOMINFO-C/2026"]),
]
"""The number of a letter of this office, by the pattern of its settings: 000.8/123/DISKOMINFO-C/2026."""

Decree = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Z][0-9A-Za-z .,:;()/&_-]{0,199}$",
        examples=["SKB 1017/2024, 2/2024, 2/2024"],
    ),
]
"""The decree behind a day of the calendar, with its number and year."""

PlatformKey = Annotated[
    str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._:-]{0,254}$", examples=["dc-bappeda-7f3a9c10"])
]
"""A name on a cloud platform, derived from our ids and codes, never from a person's name."""


class Wire(BaseModel):
    """Values are never coerced, never changed, and a producer cannot say a field the contract does not have."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Fact(Wire):
    """What a service says in public about its own streams. Its type on the wire follows from its class (registry)."""

    version: ClassVar[int] = 1
