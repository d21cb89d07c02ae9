"""What notifier's facts tell of letter numbers where their events were lost with a database."""

import pytest

from services.notifier.reservations import recovered
from shared.event_sourcing.store import NumberTaken
from tests.support import requests as r


@pytest.mark.parametrize(
    "pattern", ["000.8/{number}/DISKOMINFO-C/{year}", "000.8/{number:d}/DISKOMINFO-C/{year}"]
)
def test_a_confirmation_took_the_number_of_its_letter(pattern: str) -> None:
    assert recovered(r.confirmed(), pattern) == [NumberTaken("letters", 2026, 17)]


@pytest.mark.parametrize("pattern", ["{year}/{number}", "000.8/{number}/DISKOMINFO.C/{year}"])
def test_a_letter_numbered_by_another_pattern_tells_nothing(pattern: str) -> None:
    assert recovered(r.confirmed(), pattern) == []


def test_a_fact_without_a_letter_tells_nothing() -> None:
    assert recovered(r.reviewed(), "{number}/{year}") == []
