"""What intake's facts tell of numbers and names where their events were lost with a database."""

import pytest

from services.intake.app import DEFINITION
from services.intake.reservations import recovered
from shared.contracts.facts.clock import DeadlineSet
from shared.contracts.facts.complaints import ComplaintFiled
from shared.contracts.facts.intake import RequestClosed
from shared.contracts.registry import Fact, ce_type_of, encode
from shared.event_sourcing.store import Free, NumberTaken, Published, Reserve
from tests.support import requests as r

FILED = ComplaintFiled.model_validate({
    "complaint_id": r.REQUEST_ID,
    "registration_number": "PGD-2026-000045",
    "complainant_id": None,
    "channel": "telephone",
    "category": None,
    "confidential": False,
    "received_at": r.MONDAY,
    "registered_at": r.MONDAY,
    "anonymous": True,
})  # fmt: skip
NUMBER = NumberTaken("requests", 2026, 123)


def closed(outcome: str, kind: str) -> RequestClosed:
    about = r.IDENTITY | {"kind": kind, "outcome": outcome, "closed_at": r.MONDAY}
    return RequestClosed.model_validate(about | {"due_on": r.DUE_ON, "on_time": True})


def test_a_submission_took_its_number_and_its_agencys_name() -> None:
    assert recovered(r.submitted()) == [NUMBER, Reserve("open_account:BAPPEDA")]


@pytest.mark.parametrize(
    ("outcome", "kind", "freed"),
    [
        ("confirmed", "open_account", False),
        ("rejected", "open_account", True),
        ("withdrawn", "open_account", True),
        ("confirmed", "replace_administrator", True),
    ],
)
def test_an_end_gave_the_name_back_unless_the_agency_has_its_account(
    outcome: str, kind: str, freed: bool
) -> None:
    names = [Free(f"{kind}:BAPPEDA")] if freed else []
    assert recovered(closed(outcome, kind)) == [NUMBER, *names]


@pytest.mark.parametrize("fact", [r.withdrawn(), r.deadline_set()])
def test_every_other_fact_tells_the_number_at_least(fact: Fact) -> None:
    assert recovered(fact) == [NUMBER]


def test_what_is_not_about_a_request_tells_nothing() -> None:
    assert recovered(FILED) == []


def test_bytes_that_cannot_be_read_tell_nothing() -> None:
    assert not DEFINITION.recovered(Published("t", "datacloud.unheard_of.v1", b"{}"))
    assert not DEFINITION.recovered(Published("t", ce_type_of(DeadlineSet), b"{}"))
    said = Published("t", ce_type_of(type(r.submitted())), encode(r.submitted()))
    assert DEFINITION.recovered(said) == recovered(r.submitted())
