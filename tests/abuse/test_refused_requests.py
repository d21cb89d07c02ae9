"""What is wrong with a request is told in Indonesian, names the field, and leaves no trace (P9, P13)."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tests.support.pdf import encrypted_pdf, plain_pdf
from tests.support.system import Json, People, System, parts, request_form

TABLES = ("events", "persons", "texts", "letters", "officers", "reserved", "numbers", "scheduled")
AGENCY: Json = {"code": "DISHUB", "email_domain": "dishub.kalbarprov.go.id"}


async def stored(system: System, service: str = "intake") -> dict[str, object]:
    """All that a request could have left behind, counted; of the register, its last number."""
    connection = await asyncpg.connect(system.endpoints["postgres"][service])
    try:
        counts = {
            table: await connection.fetchval(f"select count(*) from {table}")  # noqa: S608 - ours
            for table in TABLES
        }
        last = await connection.fetch("select series, year, last from numbers order by 1, 2")
        return counts | {"last": [tuple(row) for row in last]}
    finally:
        await connection.close()


async def quiet(system: System, service: str = "intake") -> dict[str, object]:
    """What is stored once nothing moves any more."""
    before = await stored(system, service)
    while True:
        await asyncio.sleep(0.3)
        now = await stored(system, service)
        if now == before:
            return now
        before = now


@pytest.fixture
async def agency(everybody: People) -> Json:
    """One whose sample forms are right but for what a test makes wrong."""
    listed: list[Json] = (await everybody.patiently("GET", "/api/agencies")).json()
    return listed[-1]


def problem(answer: httpx2.Response, status: int, field: str | None = None) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    document: Json = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    if field:
        assert field in [each["field"] for each in document["errors"]], document
        assert all(each["message"] for each in document["errors"])
    return document


def changed(form: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The form with one field set, or taken out by `...`."""
    head, _, tail = path.partition(".")
    if tail:
        return form | {head: changed(form[head], tail, value)}
    rest = {name: kept for name, kept in form.items() if name != head}
    return rest if value is ... else rest | {head: value}


LETTERS = [
    ("none", None, 422),
    ("empty", b"", 422),
    ("a text", b"Yth. Kepala Dinas", 422),
    ("an image called PDF", b"\x89PNG\r\n\x1a\n" + b"\0" * 500, 422),
    ("half a PDF", plain_pdf()[:200], 422),
    ("eleven megabytes", plain_pdf(bytes_at_least=11 * 1024 * 1024), 413),
    ("encrypted", encrypted_pdf(), 422),
]


@pytest.mark.parametrize(
    ("letter", "status"), [each[1:] for each in LETTERS], ids=[each[0] for each in LETTERS]
)
async def test_a_letter_that_cannot_be_read_is_refused(
    everybody: People, agency: Json, letter: bytes | None, status: int
) -> None:
    before = await quiet(everybody.system)
    sent = parts(request_form(agency), letter)
    if letter is None:
        del sent["letter"]
    answer = await everybody.patiently(
        "POST", "/api/requests", headers={"Idempotency-Key": str(uuid4())}, files=sent
    )
    problem(answer, status, "letter")
    assert await stored(everybody.system) == before


FIELDS = [
    ("agency_code", "DINAS-RAHASIA"),
    ("agency_code", ...),
    ("kind", "close_account"),
    ("letter_number", "1\r\nBcc: x@example.com"),
    ("letter_date", "31-12-2026"),
    ("contact_email", "pd@example.com"),
    ("contact_email", "a@b.id, c@d.id"),
    ("administrator.email", "budi@gmail.com"),
    ("administrator.nip", "19850417200901100"),
    ("administrator.nip", "19850417200901100X"),
    ("administrator.nip", ""),
    ("administrator.name", "Budi\nHartono"),
    ("administrator.name", "Budi\rHartono"),
    ("administrator.name", "Budi\0Hartono"),
    ("administrator.name", "Budi\u202eonotraH"),
    ("administrator.name", "x" * 10_000),
    ("administrator.name", ""),
    ("administrator.name", 7),
    ("administrator.position", "Kepala\u2066"),
    ("administrator.phone", "telepon saja"),
    ("administrator.surprise", "x"),
    ("surprise", "x"),
]


@pytest.mark.parametrize(("field", "value"), FIELDS)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    everybody: People, agency: Json, field: str, value: object
) -> None:
    before = await quiet(everybody.system)
    answer = await everybody.submit(agency, form=changed(request_form(agency), field, value))
    problem(answer, 422, field)
    assert await stored(everybody.system) == before


async def test_a_person_without_nip_is_refused(everybody: People, agency: Json) -> None:
    form = changed(request_form(agency), "administrator.nip", ...)
    problem(await everybody.submit(agency, form=form), 422, "administrator.nip")


@pytest.mark.parametrize(
    "received_at",
    [
        "2199-01-01T00:00:00+07:00", "2026-11-20T10:00:00", "2026-11-20", "kemarin", 1_790_000_000,
        "1960-01-01T00:00:00+07:00",
    ],
)  # fmt: skip
async def test_a_time_of_receipt_in_the_future_without_offset_or_beyond_the_calendar_is_refused(
    everybody: People, agency: Json, received_at: object
) -> None:
    before = await quiet(everybody.system)
    form = request_form(agency) | {"received_at": received_at}
    problem(await everybody.submit(agency, form=form, officer="front-desk"), 422, "received_at")
    assert (await stored(everybody.system))["events"] == before["events"]


async def test_a_pd_cannot_say_when_its_letter_came(everybody: People, agency: Json) -> None:
    form = request_form(agency) | {"received_at": "2026-11-20T10:00:00+07:00"}
    problem(await everybody.submit(agency, form=form), 422, "received_at")


async def test_a_key_twice_in_the_json_is_refused(everybody: People, agency: Json) -> None:
    sent = parts(request_form(agency))
    name, body, kind = sent["request"]
    sent["request"] = (name, body.replace(b'{"agency_code"', b'{"kind":"x","agency_code"', 1), kind)
    answer = await everybody.patiently(
        "POST", "/api/requests", headers={"Idempotency-Key": str(uuid4())}, files=sent
    )
    problem(answer, 422, "kind")


async def test_without_a_key_of_its_own_a_request_is_refused(
    everybody: People, agency: Json
) -> None:
    answer = await everybody.patiently("POST", "/api/requests", files=parts(request_form(agency)))
    problem(answer, 422, "Idempotency-Key")


async def test_the_same_key_answers_the_same_and_with_another_letter_is_a_conflict(
    everybody: People,
) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    key = str(uuid4())
    first = await everybody.submit(listed[-2], key=key)
    again = await everybody.submit(listed[-2], key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    before = await quiet(everybody.system)
    other = await everybody.submit(listed[-2], key=key, letter=plain_pdf(2))
    problem(other, 409)
    assert await stored(everybody.system) == before


async def test_the_surplus_request_is_told_the_number_of_the_open_one(everybody: People) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    first = await everybody.submit(listed[-3])
    assert first.status_code == 201, first.text
    before = await quiet(everybody.system)
    document = problem(await everybody.submit(listed[-3]), 409, "agency_code")
    assert document["registration_number"] == first.json()["registration_number"]
    assert first.json()["registration_number"] in document["detail"]
    assert await stored(everybody.system) == before


async def test_a_wrong_code_and_an_unknown_request_look_alike(everybody: People) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    receipt = (await everybody.submit(listed[-4])).json()
    documents = []
    for request_id, code in (
        (receipt["request_id"], "k1-00000-00000-00000-00000-000000"),
        (receipt["request_id"], None),
        (str(uuid4()), receipt["tracking_code"]),
        ("nonsense", receipt["tracking_code"]),
    ):
        headers = {"Tracking-Code": code} if code else {}
        answer = await everybody.patiently("GET", f"/api/requests/{request_id}", headers=headers)
        document = dict(problem(answer, 404))
        del document["correlation_id"]
        documents.append(document)
    assert all(document == documents[0] for document in documents)


OFFICERS_ONLY = [
    ("GET", "/api/reviews"),
    ("POST", f"/api/reviews/{uuid4()}/decision"),
    ("POST", f"/api/requests/{uuid4()}/setting-aside"),
    ("GET", f"/api/requests/{uuid4()}/letter"),
    ("GET", f"/api/requests/{uuid4()}/appointment"),
]


@pytest.mark.parametrize(("method", "path"), OFFICERS_ONLY)
async def test_an_officers_act_needs_a_token_and_the_role(
    everybody: People, method: str, path: str
) -> None:
    body = (
        {"json": {"reason": "x", "outcome": "approved", "seen_version": 1}}
        if method == "POST"
        else {}
    )
    problem(await everybody.patiently(method, path, **body), 401)
    forged = {"Authorization": "Bearer nobody"}
    problem(await everybody.patiently(method, path, headers=forged, **body), 401)
    other = everybody.officer("complaint-officer")
    problem(await everybody.patiently(method, path, headers=other, **body), 403)


async def test_a_decision_needs_a_reason_the_seen_version_and_an_open_case(
    everybody: People,
) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    receipt = (await everybody.submit(listed[-5])).json()
    case = await everybody.case(receipt["request_id"])
    before = await quiet(everybody.system, "review")

    async def decide(**said: object) -> httpx2.Response:
        return await everybody.patiently(
            "POST",
            f"/api/reviews/{receipt['request_id']}/decision",
            headers=everybody.officer("reviewer"),
            json={"outcome": "approved", "reason": None, "seen_version": case["version"]} | said,
        )

    for outcome in ("returned", "rejected"):
        problem(await decide(outcome=outcome), 422, "reason")
        problem(await decide(outcome=outcome, reason="  "), 422, "reason")
    problem(await decide(outcome="postponed"), 422, "outcome")
    problem(await decide(seen_version=case["version"] + 1), 409)
    assert await stored(everybody.system, "review") == before
    assert (await decide()).status_code == 200
    problem(await decide(), 409)


async def test_a_request_that_was_not_returned_cannot_be_completed(everybody: People) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    receipt = (await everybody.submit(listed[-6])).json()
    answer = await everybody.patiently(
        "POST",
        f"/api/requests/{receipt['request_id']}/completion",
        headers={"Tracking-Code": receipt["tracking_code"]},
        files=parts(request_form(listed[-6])),
    )
    problem(answer, 409)
