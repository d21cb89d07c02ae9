"""What complaints' facts tell of its register where their events were lost with a database."""

from services.complaints.reservations import recovered
from shared.contracts.facts.complaints import ComplaintFiled
from shared.event_sourcing.store import NumberTaken
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


def test_a_filing_took_its_number() -> None:
    assert recovered(FILED) == [NumberTaken("complaints", 2026, 45)]


def test_what_the_clock_says_tells_the_number_too() -> None:
    assert recovered(r.deadline_set()) == [NumberTaken("complaints", 2026, 123)]


def test_what_is_not_complaints_own_tells_nothing() -> None:
    assert recovered(r.reviewed()) == []
