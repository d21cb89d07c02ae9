"""A mail comes twice only when who sends, takes or remembers it was interrupted between the two copies."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.chaos.interruptions import Interruptions
from tests.chaos.world import Interruption
from tests.unit.chaos.test_checker import confirmed, found, second_copy


def test_a_second_copy_of_a_mail_is_allowed_when_something_was_interrupted_between_the_two() -> (
    None
):
    world = second_copy(confirmed())
    first, second = (mail.accepted_at for mail in (world.mails[0], world.mails[-1]))
    between = Interruption(first + timedelta(seconds=1), second - timedelta(seconds=1))
    assert found(replace(world, interruptions=[between])) == set()


@pytest.mark.parametrize(("began", "ended"), [(-9, -1), (61, 70)], ids=["long before", "after"])
def test_a_second_copy_is_found_whatever_was_interrupted_at_another_time(
    began: int, ended: int
) -> None:
    world = second_copy(confirmed())
    first = world.mails[0].accepted_at
    other = Interruption(first + timedelta(minutes=began), first + timedelta(minutes=ended))
    assert "P8" in found(replace(world, interruptions=[other]))


def test_a_third_copy_needs_an_interruption_of_its_own() -> None:
    world = second_copy(second_copy(confirmed()))
    first, *_, second, third = (mail.accepted_at for mail in world.mails)
    between = Interruption(first + timedelta(seconds=1), first + timedelta(seconds=2))
    assert first < second < third
    assert "P8" in found(replace(world, interruptions=[between]))


def test_what_harms_neither_who_sends_nor_who_takes_nor_who_remembers_excuses_no_copy() -> None:
    interruptions = Interruptions()
    others = ("kafka", "intake", ("intake", "postgres"), ("clients", "front_door"))
    with interruptions.lasting(*others):
        assert not interruptions.found
    with interruptions.lasting("intake", "notifier"):
        (lasting,) = interruptions.found
    (ended,) = interruptions.found
    assert lasting.began == ended.began <= ended.ended < lasting.ended
