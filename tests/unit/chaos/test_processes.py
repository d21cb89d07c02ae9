"""How a process ended is read from what its supervisor says."""

from tests.chaos.processes import last_code

SAID = [
    "02:14:46.464293 notifier ended (code 0); starting it again",
    "02:14:47.100000 notifier is up (0.6 s)",
]


def test_the_last_end_counts() -> None:
    assert last_code(SAID, "notifier") == 0
    killed = [*SAID, "02:14:48.000000 notifier ended (code -9); starting it again"]
    assert last_code(killed, "notifier") == -9


def test_a_process_that_dies_while_it_starts_has_ended_too() -> None:
    died_early = [*SAID, "02:14:48.000000 notifier ended with code -9 while starting:\n(its log)"]
    assert last_code(died_early, "notifier") == -9


def test_another_process_is_not_meant() -> None:
    assert last_code(SAID, "intake") is None
