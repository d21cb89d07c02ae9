"""What a standard allows (Limit) and when that ends in a calendar (Deadline)."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Literal

from shared.working_time.days import SkippedDay, WorkingTimeError

Unit = Literal["wd", "wh"]

_PATTERN = re.compile(r"([1-9][0-9]{0,3})(wd|wh)")
_HOURS_PER_WORKING_DAY = Fraction(15, 2)
"""37.5 hours in five days (Perpres 21/2023)."""


class LimitError(WorkingTimeError):
    """Not a limit."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"Batas waktu {text[:40]!r} tidak dikenal; tulis misalnya 5wd (5 hari kerja)"
            " atau 3wh (3 jam kerja), antara 1 dan 9999."
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of working days (`wd`) or working hours (`wh`)."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read `5wd` or `3wh`. Raises LimitError."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise LimitError(text)
        return cls(int(match[1]), "wd" if match[2] == "wd" else "wh")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def length(self) -> tuple[Fraction, bool]:
        """Orders limits of both units by working hours; at a tie, days end later than hours."""
        if self.unit == "wh":
            return Fraction(self.count), False
        return self.count * _HOURS_PER_WORKING_DAY, True


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a limit. On time is strictly before `breach_at` (UTC).

    `due_on` is a date at the office; `due_at` (UTC) is set for limits in hours only and then
    equals `breach_at`. `provisional`: the count reaches into a year without decree.
    """

    due_on: date
    due_at: datetime | None
    breach_at: datetime
    provisional: bool
    skipped: tuple[SkippedDay, ...]
