"""Uniqueness across complaints: each number of the register once."""

from collections.abc import Iterable

from shared.contracts.facts.clock import DeadlineFact
from shared.contracts.registry import Fact
from shared.contracts.subjects import ComplaintFact
from shared.event_sourcing.store import NumberTaken


def recovered(fact: Fact) -> Iterable[NumberTaken]:
    """The register number that a fact tells whose event was lost with a database."""
    match fact:
        case ComplaintFact():
            return [_number(fact.registration_number)]
        case DeadlineFact():
            return [_number(fact.subject.registration_number)]
        case _:
            return []


def _number(registration_number: str) -> NumberTaken:
    """PGD-2026-000045 is the 45th of 2026."""
    _, year, number = registration_number.split("-")
    return NumberTaken("complaints", int(year), int(number))
