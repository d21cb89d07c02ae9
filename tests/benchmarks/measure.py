"""How speed is told here: a ratio against a floor that was measured in turns with it, in the same run."""

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Measurement = Callable[[], Awaitable[float]]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, what it came to, and the bound it has to keep."""

    what: str
    value: float
    unit: str
    bound: float | None
    keeps: Literal["at least", "at most"] = "at least"
    remark: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; a row without one is there to be read."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.keeps == "at least" else self.value <= self.bound

    def __str__(self) -> str:
        bound = "" if self.bound is None else f"{self.keeps} {self.bound:g}"
        mark = "" if self.holds else "  <-- MISSED"
        return f"{self.what:<58} {self.value:>9.2f} {self.unit:<12} {bound:<14} {self.remark}{mark}"


async def in_turns(rounds: int, *measurements: Measurement) -> list[list[float]]:
    """Each measurement once per round, so that what disturbs the machine disturbs all of them; the first is a trial."""
    results: list[list[float]] = [[] for _ in measurements]
    for number in range(rounds + 1):
        for measurement, found in zip(measurements, results, strict=True):
            value = await measurement()
            if number:
                found.append(value)
    return results


def ratio(rates: Sequence[float], floors: Sequence[float]) -> float:
    """The median over the rounds of rate to floor."""
    return statistics.median(rate / floor for rate, floor in zip(rates, floors, strict=True))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def rate_of(count: int, work: Callable[[], Awaitable[object]]) -> float:
    """So many per second."""
    began = time.perf_counter()
    await work()
    return count / (time.perf_counter() - began)


def resident_mebibytes(pid: int) -> float:
    """VmRSS of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MEBIBYTE
    raise ProcessLookupError(pid)


def machine() -> str:
    """What this was measured on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, load {load:.1f} at the start"
    )
