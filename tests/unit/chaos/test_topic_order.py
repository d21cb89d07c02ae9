"""What the proof of the replicas looks at: it finds what is lost, overtaken or made up, and allows repetition."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.chaos.topic_order import Record, Said, wrong_with

STORED = {f"id-{n}": ("s", n, b"what %d" % n) for n in (1, 2, 3)}
ANSWERED = frozenset({b"what 1", b"what 2"})


def topic(*numbers: int, key: str = "s") -> list[Record]:
    """These facts, in this order, on one partition."""
    return [
        Record((0, offset), key, f"id-{n}", n, b"what %d" % n) for offset, n in enumerate(numbers)
    ]


@pytest.mark.parametrize("order", [(1, 2, 3), (1, 1, 2, 3), (1, 2, 1, 2, 3), (1, 2, 3, 1, 2, 3)])
def test_all_in_order_and_some_of_it_again_is_right(order: Sequence[int]) -> None:
    assert [*wrong_with(Said(STORED, ANSWERED, topic(*order)))] == []


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (Said(STORED, ANSWERED, topic(1, 2)), "1 stored and not on the topic: id-3"),
        (Said(STORED, ANSWERED, topic(1, 3, 2)), "1 keys whose first appearances are not"),
        (Said(STORED, ANSWERED, topic(2, 1, 2, 3)), "1 keys whose first appearances are not"),
        (Said(STORED, ANSWERED | {b"lost"}, topic(1, 2, 3)), "1 answered and not stored: b'lost'"),
        (Said(STORED, ANSWERED, topic(1, 2, 3, 4)), "1 on the topic otherwise than stored: (0, 3)"),
        (
            Said(STORED, ANSWERED, [*topic(1, 2), replace(topic(3)[0], place=(1, 0))]),
            "1 keys on more than one partition: s",
        ),
    ],
)
def test_anything_else_is_told(said: Said, finding: str) -> None:
    [*found] = wrong_with(said)
    assert any(each.startswith(finding) for each in found), found
