"""Who may not act, acts twice in two ways, or acts on what has changed, is told so, and nothing is stored (P9)."""

from collections.abc import Mapping
from uuid import uuid4

import pytest

from tests.abuse.offices import (
    AGENCIES,
    CASE_ID,
    COMPLAINT,
    DECISION,
    OWN_CASE_ID,
    Form,
    Office,
    changed,
    encoded,
    officer,
    opening,
    request_id,
    told,
)
from tests.support.system import request_form

SUBMIT, COMPLETE = "/api/requests", f"/api/requests/{request_id(1)}/completion"
WITHDRAW = f"/api/requests/{request_id(0)}/withdrawal"
SET_ASIDE = f"/api/requests/{request_id(0)}/setting-aside"
DECIDE, FILE = f"/api/reviews/{CASE_ID}/decision", "/api/complaints"
SUBMISSION, COMPLETION = request_form(AGENCIES[2]), request_form(AGENCIES[1])
REASON: Form = {"reason": "Salah alamat."}
KEY = {"Idempotency-Key": "refused"}
WRONG_CODE = {"Tracking-Code": "k1-00000-00000-00000-00000-000000"}
FORGED = officer("forged")
NIP = "administrator.nip"

Case = tuple[str, str, Form, Mapping[str, str], int, str | None]
CASES: Mapping[str, Case] = {
    # a request and its completion
    "no key": ("intake", SUBMIT, SUBMISSION, {}, 422, "Idempotency-Key"),
    "a key too long": ("intake", SUBMIT, SUBMISSION, {"Idempotency-Key": "x" * 201}, 422, "Idempotency-Key"),
    "a used key": ("intake", SUBMIT, SUBMISSION, {"Idempotency-Key": "seed-0"}, 409, "Idempotency-Key"),
    "another's office": ("intake", SUBMIT, SUBMISSION, KEY | officer("reviewer"), 403, None),
    "a forged token": ("intake", SUBMIT, SUBMISSION, KEY | FORGED, 401, None),
    "a person without NIP": ("intake", SUBMIT, changed(SUBMISSION, NIP, ...), KEY, 422, NIP),
    "a PD that knows the time": (
        "intake", SUBMIT, SUBMISSION | {"received_at": "2026-11-20T10:00:00+07:00"}, KEY, 422, "received_at",
    ),
    "a receipt to come": (
        "intake", SUBMIT, SUBMISSION | {"received_at": "2099-11-20T10:00:00+07:00"},
        KEY | officer("front-desk"), 422, "received_at",
    ),
    "a second request": ("intake", SUBMIT, request_form(AGENCIES[0]), KEY, 409, "agency_code"),
    "completion without code": ("intake", COMPLETE, COMPLETION, {}, 404, None),
    "completion with a wrong code": ("intake", COMPLETE, COMPLETION, WRONG_CODE, 404, None),
    "completion with another's code": ("intake", COMPLETE, COMPLETION, opening(0), 404, None),
    "completion by another office": ("intake", COMPLETE, COMPLETION, officer("head"), 403, None),
    "completion by a stranger": ("intake", COMPLETE, COMPLETION, officer("complaint-officer"), 404, None),
    "completion for another agency": ("intake", COMPLETE, SUBMISSION, opening(1), 422, "agency_code"),
    "completion without NIP": ("intake", COMPLETE, changed(COMPLETION, NIP, ...), opening(1), 422, NIP),
    "completion of what was not returned": (
        "intake", f"/api/requests/{request_id(0)}/completion", request_form(AGENCIES[0]), opening(0), 409, None,
    ),
    # its end
    "withdrawal without code": ("intake", WITHDRAW, REASON, {}, 404, None),
    "withdrawal with a wrong code": ("intake", WITHDRAW, REASON, WRONG_CODE, 404, None),
    "withdrawal by an officer": ("intake", WITHDRAW, REASON, officer("front-desk"), 404, None),
    "withdrawal of nothing": ("intake", f"/api/requests/{uuid4()}/withdrawal", REASON, opening(0), 404, None),
    "setting aside by nobody": ("intake", SET_ASIDE, REASON, opening(0), 401, None),
    "setting aside by a forger": ("intake", SET_ASIDE, REASON, FORGED, 401, None),
    "setting aside by another office": ("intake", SET_ASIDE, REASON, officer("head"), 403, None),
    "setting aside nothing": (
        "intake", f"/api/requests/{uuid4()}/setting-aside", REASON, officer("reviewer"), 404, None,
    ),
    # its review
    "decision by nobody": ("review", DECIDE, DECISION, {}, 401, None),
    "decision by a forger": ("review", DECIDE, DECISION, FORGED, 401, None),
    "decision by another office": ("review", DECIDE, DECISION, officer("front-desk"), 403, None),
    "decision by its registrar": (
        "review", f"/api/reviews/{OWN_CASE_ID}/decision", DECISION, officer("reviewer"), 403, None,
    ),
    "decision on what has changed": (
        "review", DECIDE, DECISION | {"seen_version": 2}, officer("reviewer"), 409, "seen_version",
    ),
    "return without reason": ("review", DECIDE, DECISION | {"reason": None}, officer("reviewer"), 422, "reason"),
    "decision on nothing": ("review", f"/api/reviews/{uuid4()}/decision", DECISION, officer("reviewer"), 404, None),
    "decision on nonsense": ("review", "/api/reviews/1/decision", DECISION, officer("reviewer"), 404, None),
    # a complaint
    "complaint without key": ("complaints", FILE, COMPLAINT, {}, 422, "Idempotency-Key"),
    "complaint by a forger": ("complaints", FILE, COMPLAINT, KEY | FORGED, 401, None),
    "complaint by another office": ("complaints", FILE, COMPLAINT, KEY | officer("reviewer"), 403, None),
    "an officer's channel": ("complaints", FILE, COMPLAINT | {"channel": "telephone"}, KEY, 422, "channel"),
    "an officer's category": ("complaints", FILE, COMPLAINT | {"category": "minor"}, KEY, 422, "category"),
    "a name in an anonymous complaint": ("complaints", FILE, COMPLAINT | {"anonymous": True}, KEY, 422, "complainant"),
    "no name": ("complaints", FILE, changed(COMPLAINT, "complainant", ...), KEY, 422, "complainant"),
    "no way to answer": (
        "complaints", FILE, COMPLAINT | {"complainant": {"name": "Siti Aminah"}}, KEY, 422, "complainant",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("office", "case"), [(case[0], case) for case in CASES.values()], indirect=["office"], ids=CASES
)
async def test_who_may_not_act_changes_nothing(office: Office, case: Case) -> None:
    _, path, form, headers, status, field = case
    before = await office.stored()
    told(await office.post(path, encoded(form), headers), status, field)
    assert await office.stored() == before


@pytest.mark.parametrize("office", ["intake"], indirect=True)
async def test_a_case_that_is_not_ones_own_looks_like_none(office: Office) -> None:
    documents = []
    for path, headers in (
        (WITHDRAW, WRONG_CODE),
        (WITHDRAW, {}),
        (f"/api/requests/{uuid4()}/withdrawal", opening(0)),
        ("/api/requests/1/withdrawal", opening(0)),
    ):
        document = (await office.post(path, encoded(REASON), headers)).json()
        documents.append(
            {name: said for name, said in document.items() if name != "correlation_id"}
        )
    assert all(document == documents[0] for document in documents)
