"""A complainant's way by each of the eight channels, through HTTP, Kafka and e-mail alone (P1, P7, P10)."""

from typing import Any, get_args
from uuid import uuid4

import httpx2
import pytest

from shared.contracts.subjects import Channel
from shared.messaging.trace import facts_of
from tests.support.system import People

NARRATIVE = "Akun kami tidak dapat dibuka sejak kemarin pagi."
COMPLAINANT = {"name": "Ratna Kusumawati", "email": "ratna.kusuma@example.com"}


def complaint(channel: str = "contact_page", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {
        "channel": channel,
        "narrative": NARRATIVE,
        "anonymous": False,
        "confidential": False,
        "complainant": COMPLAINANT,
    } | more


async def file(
    everybody: People, form: dict[str, Any], officer: str | None = None, key: str | None = None
) -> httpx2.Response:
    headers = everybody.officer(officer) if officer else {}
    return await everybody.patiently(
        "POST",
        "/api/complaints",
        headers=headers | {"Idempotency-Key": key or str(uuid4())},
        json=form,
    )


async def test_a_citizen_complains_and_is_told_number_code_and_due_date(everybody: People) -> None:
    answer = await file(everybody, complaint())
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    number = receipt["registration_number"]
    assert number.startswith("PGD-")
    told = await everybody.until_mail(
        lambda mail: number in str(mail["Subject"]) and COMPLAINANT["email"] in str(mail["To"])
    )
    body = told.get_body(("plain",))
    assert body is not None
    assert receipt["tracking_code"] in body.get_content()
    assert NARRATIVE not in told.as_string()

    shown = await everybody.patiently(
        "GET",
        f"/api/complaints/{receipt['complaint_id']}",
        headers={"Tracking-Code": receipt["tracking_code"]},
    )
    assert shown.json()["status"] == "filed"
    assert shown.json()["due_on"] == receipt["due_on"]
    facts = await facts_of(everybody.system.endpoints["kafka"], number)
    assert [fact.type for fact in facts] == [
        "datacloud.complaint_filed.v1",
        "datacloud.deadline_set.v1",
    ]


@pytest.mark.parametrize("channel", get_args(Channel))
async def test_an_officer_takes_a_complaint_in_by_each_channel_with_its_own_limit(
    everybody: People, channel: str
) -> None:
    form = complaint(channel, received_at="2026-11-23T10:00:00+07:00", category="non_supervisory")
    answer = await file(everybody, form, "complaint-officer")
    assert answer.status_code == 201, answer.text
    assert answer.json()["due_on"] == "2026-12-11", "fourteen working days"


async def test_a_complaint_nobody_has_classified_runs_under_the_shortest_limit(
    everybody: People,
) -> None:
    form = complaint("telephone", received_at="2026-11-23T10:00:00+07:00")
    answer = await file(everybody, form, "complaint-officer")
    assert answer.json()["due_on"] == "2026-11-30"


async def test_an_anonymous_complaint_names_nobody(everybody: People) -> None:
    answer = await file(everybody, complaint(anonymous=True, complainant=None))
    assert answer.status_code == 201, answer.text
    facts = await facts_of(
        everybody.system.endpoints["kafka"], answer.json()["registration_number"]
    )
    assert all(fact.value.get("complainant_id") is None for fact in facts)


async def test_asking_again_with_the_same_key_is_the_same_complaint(everybody: People) -> None:
    key = str(uuid4())
    first, second = [await file(everybody, complaint(), key=key) for _ in range(2)]
    assert first.json() == second.json()
    other = await file(everybody, complaint(narrative="Lain sama sekali."), key=key)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"channel": "telephone"}, "channel"),
        ({"channel": "pigeon"}, "channel"),
        ({"category": "minor"}, "category"),
        ({"received_at": "2026-11-23T10:00:00+07:00"}, "received_at"),
        ({"complainant": None}, "complainant"),
        ({"anonymous": True}, "complainant"),
        ({"complainant": {"name": "Ratna"}}, "complainant"),
        ({"narrative": "  "}, "narrative"),
        ({"narrative": "a\u202eb"}, "narrative"),
        ({"request_number": "DC-26-1"}, "request_number"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_the_public_may_not_say_is_refused_naming_the_field(
    everybody: People, changed: dict[str, Any], field: str
) -> None:
    answer = await file(everybody, complaint(**changed))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert field in [each["field"] for each in answer.json()["errors"]]


async def test_a_wrong_code_and_an_unknown_complaint_look_alike(everybody: People) -> None:
    receipt = (await file(everybody, complaint())).json()
    other = (await file(everybody, complaint())).json()
    answers = [
        await everybody.patiently(
            "GET",
            f"/api/complaints/{complaint_id}",
            headers={"Tracking-Code": other["tracking_code"]},
        )
        for complaint_id in (receipt["complaint_id"], uuid4(), "x")
    ]
    assert {answer.status_code for answer in answers} == {404}
    documents = [answer.json() for answer in answers]
    for document in documents:
        del document["correlation_id"]
    assert documents[0] == documents[1] == documents[2]


async def test_only_a_complaint_officer_files_for_others(everybody: People) -> None:
    answer = await file(everybody, complaint("telephone"), "reviewer")
    assert answer.status_code == 403
