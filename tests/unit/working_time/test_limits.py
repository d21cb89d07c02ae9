"""Limits are written `5wd` or `3wh` and nothing else."""

import pytest

from shared.working_time.deadlines import Limit, LimitError


@pytest.mark.parametrize("text", ["1wd", "5wd", "60wd", "3wh", "9999wd"])
def test_a_limit_reads_back_as_it_is_written(text: str) -> None:
    assert str(Limit.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "wd", "0wd", "-1wd", "+5wd", "05wd", "10000wd", "5wdwd", "5wd,3wh"),
        *("5 wd", " 5wd", "5wd ", "5wd\n", "5WD", "5d", "5h", "1.5wh", "\u0665wd"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LimitError, match="tulis misalnya 5wd"):
        Limit.parse(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(LimitError) as caught:
        Limit.parse("9" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [("5wd", "14wd"), ("3wh", "1wd"), ("7wh", "1wd"), ("1wd", "8wh"), ("15wh", "2wd")],
)
def test_limits_of_both_units_have_an_order(shorter: str, longer: str) -> None:
    assert Limit.parse(shorter).length < Limit.parse(longer).length
