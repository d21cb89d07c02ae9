"""Every fact has a meaning in the language of those who watch, and a line that fits where it is read."""

from datetime import UTC, datetime

from shared.contracts.registry import REGISTRY
from shared.messaging.in_words import MEANINGS, in_short, in_words
from shared.messaging.trace import Line
from shared.working_time.days import LOCAL

SUBMITTED = Line(
    datetime(2026, 11, 23, 20, 0, tzinfo=UTC).astimezone(LOCAL),
    "datacloud.requests.v1",
    "datacloud.request_submitted.v1",
    "5b1d",
    1,
    "77aa",
    {"registration_number": "DC-2026-000001", "due_on": None},
)


def test_every_registered_fact_has_a_meaning_and_none_has_one_that_is_not_said() -> None:
    assert MEANINGS.keys() == REGISTRY.classes.keys()


def test_a_line_says_when_where_what_and_what_it_means() -> None:
    assert in_words(SUBMITTED).split() == [
        "03:00:00.000", "datacloud.requests.v1", "datacloud.request_submitted.v1", "#1", "DC-2026-000001",
        "surat", "permintaan", "terdaftar",
    ]  # fmt: skip


def test_a_short_line_leaves_out_what_all_have_in_common() -> None:
    assert in_short(SUBMITTED) == (
        "2026-11-24 03:00:00 requests.v1 #1 request_submitted.v1 surat permintaan terdaftar"
    )
