"""What a PD sees of its request: a due date only while the office owes something, or when it ended."""

from collections.abc import Mapping

import pytest

from services.intake.views import rows
from shared.event_sourcing.store import Recorded, Upsert
from tests.support.requests import DUE_ON, REQUEST_ID
from tests.unit.intake import cases
from tests.unit.intake.cases import CLOSED_AS, OPEN, RETURNED, Requests


def shown(past: Requests) -> Mapping[str, object]:
    """The request's row after all that happened."""
    event, state = list(past.steps())[-1]
    recorded = Recorded(event, str(REQUEST_ID), len(past.events), cases.SOON)
    (row,) = [each for each in rows(recorded, state) if each.table == "requests"]
    assert isinstance(row, Upsert)
    return row.values


def test_nothing_is_due_while_the_file_is_with_the_agency() -> None:
    assert (shown(RETURNED)["status"], shown(RETURNED)["due_on"]) == ("returned", None)
    again = shown(RETURNED.after(cases.resubmit()))
    assert (again["status"], again["due_on"]) == ("submitted", DUE_ON)


@pytest.mark.parametrize("past", [OPEN, *CLOSED_AS.values()])
def test_an_open_request_and_an_ended_one_show_their_due_date(past: Requests) -> None:
    assert shown(past)["due_on"] == DUE_ON
