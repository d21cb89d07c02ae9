"""The table of scenarios.toml: which tests, faults and proofs show that the system survives a scenario."""

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.operations.stack import ROOT

TABLE = Path(__file__).with_name("scenarios.toml")
NUMBERS = range(1, 42)
"""Sections A to E."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`tests` are pytest node ids without parameters; `not_here` says what of it cannot be run, and why."""

    name: str
    scenario: str
    tests: Sequence[str] = ()
    faults: Sequence[str] = ()
    proofs: Sequence[str] = ()
    not_here: str = ""


def read_table(path: Path = TABLE) -> Mapping[str, Scenario]:
    """By number, in order."""
    with path.open("rb") as file:
        found = tomllib.load(file)
    return {name: Scenario(name, **about) for name, about in found.items()}


def mistakes(
    table: Mapping[str, Scenario], kinds: Sequence[str], proofs: Sequence[str]
) -> Iterator[str]:
    """What is missing, and what is named that does not exist."""
    wanted = [f"S{number}" for number in NUMBERS]
    if [*table] != wanted:
        yield f"not S{NUMBERS[0]} to S{NUMBERS[-1]} in order: {sorted({*wanted} ^ {*table})}"
    for each in table.values():
        if not (each.tests or each.not_here):
            yield f"{each.name}: neither a test nor a reason"
        named = ((each.faults, kinds), (each.proofs, proofs))
        for names, known in named:
            yield from (f"{each.name}: there is no {name}" for name in names if name not in known)
        yield from (f"{each.name}: there is no {node}" for node in each.tests if not _exists(node))


def _exists(node: str) -> bool:
    path, _, name = node.partition("::")
    return name in _tests_of(ROOT / path)


@cache
def _tests_of(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(
        each.name for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )
