"""Uniqueness across letters: each number of the register once."""

import re
from collections.abc import Iterable

from shared.contracts.facts.notifier import ConfirmationSent
from shared.contracts.registry import Fact
from shared.event_sourcing.store import NumberTaken

_FIELD = re.compile(r"\\{(number|year)(?:\\?:[^{}]*)?\\}")
"""As `re.escape` leaves it."""


def recovered(fact: Fact, pattern: str) -> Iterable[NumberTaken]:
    """The register number in the letter's, by the pattern of our settings, of a fact whose event was lost.

    A letter that was numbered by another pattern, before the settings changed, tells nothing.
    """
    if not isinstance(fact, ConfirmationSent):
        return []
    expected = _FIELD.sub(lambda found: f"(?P<{found[1]}>[0-9]+)", re.escape(pattern))
    told = re.fullmatch(expected, fact.letter_number)
    return [NumberTaken("letters", int(told["year"]), int(told["number"]))] if told else []
