"""A PD's way and an officer's, by HTTP, Kafka and e-mail alone (P1, P2, P8, P9, P10)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from email.message import EmailMessage

import httpx2
import pytest

from shared.messaging.trace import FACT_TOPICS, everything, facts_of
from tests.support.pdf_text import page_texts
from tests.support.system import PERSONAL, Json, People, parts, request_form

HEADERS = {
    "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_specversion", "ce_dataschema",
    "ce_sequence", "ce_correlationid", "ce_causationid", "content-type",
}  # fmt: skip


async def agency(everybody: People, place: int) -> Json:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    found: Json = listed[place]
    return found


async def submitted(everybody: People, place: int) -> Json:
    answer = await everybody.submit(await agency(everybody, place))
    assert answer.status_code == 201, answer.text
    receipt: Json = answer.json()
    return receipt


def about(number: str, words: str) -> Callable[[EmailMessage], bool]:
    return lambda mail: number in str(mail["Subject"]) and words in str(mail["Subject"]).lower()


async def test_a_letter_becomes_an_account_and_a_confirmation_letter(everybody: People) -> None:
    chosen = await agency(everybody, 0)
    receipt = (await everybody.submit(chosen)).json()
    number = receipt["registration_number"]
    await everybody.until_mail(lambda mail: number in str(mail["Subject"]))
    assert (await everybody.decide(receipt["request_id"])).status_code == 200
    shown = await everybody.until_status(receipt, "confirmed")

    happened = [line["what"] for line in shown["timeline"]]
    assert happened == ["submitted", "approved", "active", "confirmed"]
    assert not shown["breached"]
    [account] = everybody.system.accounts(chosen["code"])
    assert account["active"]
    letters = [
        mail
        for mail in everybody.system.mails()
        if number in str(mail["Subject"]) and [*mail.iter_attachments()]
    ]
    assert len(letters) == 1
    [attached] = letters[0].iter_attachments()
    (page,) = page_texts(attached.get_content())
    assert f"Namapengguna:{account['userName']}" in page
    assert f"Grup:pd-{chosen['code']}" in page
    assert "Jabatan:PranataKomputerPenyelia" in page
    assert receipt["tracking_code"] not in letters[0].as_string()

    facts = await facts_of(everybody.system.endpoints["kafka"], number)
    said = [fact.type.split(".")[1] for fact in facts]
    assert set(said) == {
        "request_submitted", "deadline_set", "request_reviewed", "account_activated",
        "confirmation_sent", "request_closed",
    }  # fmt: skip
    assert len(said) == 6
    assert len({fact.correlation_id for fact in facts}) == 1


async def test_an_incomplete_file_goes_back_and_is_completed(everybody: People) -> None:
    receipt = await submitted(everybody, 1)
    number = receipt["registration_number"]
    await everybody.decide(receipt["request_id"], "returned", "Surat penunjukan belum dilampirkan.")
    assert (await everybody.until_status(receipt, "returned"))["due_on"] is None
    told = await everybody.until_mail(about(number, "lengkap"))
    body = told.get_body(("plain",))
    assert body is not None
    assert "Surat penunjukan belum dilampirkan." in body.get_content()

    async def complete(headers: dict[str, str], **said: str) -> httpx2.Response:
        form = request_form(await agency(everybody, 1)) | said
        path = f"/api/requests/{receipt['request_id']}/completion"
        return await everybody.patiently("POST", path, headers=headers, files=parts(form))

    on_paper = "2026-03-17T16:00:00+07:00"
    too_early = await complete(everybody.officer("front-desk"), received_at=on_paper)
    assert too_early.status_code == 422
    assert [each["field"] for each in too_early.json()["errors"]] == ["received_at"]
    completed = await complete({"Tracking-Code": receipt["tracking_code"]})
    assert completed.status_code == 200, completed.text
    acknowledged = await everybody.until_mail(about(number, "kelengkapan"))
    again = acknowledged.get_body(("plain",))
    assert again is not None
    assert receipt["tracking_code"] in again.get_content()
    await everybody.decide(receipt["request_id"])
    shown = await everybody.until_status(receipt, "confirmed")
    happened = [line["what"] for line in shown["timeline"]]
    assert happened == ["submitted", "returned", "resubmitted", "approved", "active", "confirmed"]


async def test_a_reviewer_who_comes_second_is_told_what_was_decided_and_when(
    everybody: People,
) -> None:
    receipt = await submitted(everybody, 7)
    seen = (await everybody.case(receipt["request_id"]))["version"]

    async def decide(version: int) -> Json:
        answer = await everybody.patiently(
            "POST",
            f"/api/reviews/{receipt['request_id']}/decision",
            headers=everybody.officer("reviewer"),
            json={"outcome": "rejected", "reason": "Tidak sah.", "seen_version": version},
        )
        problem: Json = answer.json()
        return problem

    stale = await decide(seen + 1)
    assert (stale["status"], stale["code"]) == (409, "stale_version")
    await decide(seen)
    second = await decide(seen)
    assert (second["status"], second["code"]) == (409, "decided_meanwhile")
    assert "ditolak pada" in second["detail"]
    assert "WIB" in second["detail"]
    for problem in (stale, second):
        assert [each["field"] for each in problem["errors"]] == ["seen_version"]


async def test_a_rejected_request_ends_with_a_letter_and_without_an_account(
    everybody: People,
) -> None:
    chosen = await agency(everybody, 2)
    receipt = await submitted(everybody, 2)
    await everybody.decide(receipt["request_id"], "rejected", "Surat tidak ditandatangani.")
    await everybody.until_status(receipt, "rejected")
    await everybody.until_mail(about(receipt["registration_number"], "tidak dapat disetujui"))
    assert everybody.system.accounts(chosen["code"]) == []
    assert (await everybody.submit(chosen)).status_code == 201, "the agency may ask again"


async def test_a_withdrawn_request_ends_without_an_enabled_account_even_after_approval(
    everybody: People,
) -> None:
    chosen = await agency(everybody, 3)
    receipt = await submitted(everybody, 3)
    await everybody.decide(receipt["request_id"])
    withdrawn = await everybody.patiently(
        "POST",
        f"/api/requests/{receipt['request_id']}/withdrawal",
        headers={"Tracking-Code": receipt["tracking_code"]},
        json={"reason": "Admin dipindahtugaskan."},
    )
    shown = await everybody.status(receipt)
    if withdrawn.status_code == 409:  # the letter was faster
        assert shown["status"] == "confirmed"
        return
    await everybody.until_status(receipt, "withdrawn")
    await everybody.until_mail(about(receipt["registration_number"], "ditarik"))
    async with asyncio.timeout(30):
        while any(account["active"] for account in everybody.system.accounts(chosen["code"])):  # noqa: ASYNC110 - the platform tells nobody
            await asyncio.sleep(0.2)


async def test_a_front_desk_officer_sets_a_forged_letter_aside(everybody: People) -> None:
    receipt = await submitted(everybody, 4)
    aside = await everybody.patiently(
        "POST",
        f"/api/requests/{receipt['request_id']}/setting-aside",
        headers=everybody.officer("front-desk"),
        json={"reason": "Surat bukan dari perangkat daerah ini."},
    )
    assert aside.status_code == 200, aside.text
    await everybody.until_status(receipt, "set_aside")
    assert (await everybody.submit(await agency(everybody, 4))).status_code == 201


async def test_a_letter_that_came_on_paper_counts_from_the_day_it_came(everybody: People) -> None:
    chosen = await agency(everybody, 5)
    form = request_form(chosen) | {"received_at": "2026-03-17T16:00:00+07:00"}
    answer = await everybody.submit(chosen, officer="front-desk", form=form)
    assert answer.json()["due_on"] == "2026-03-25"
    shown = await everybody.status(answer.json())
    async with asyncio.timeout(10):
        while not shown["breached"]:
            await asyncio.sleep(0.1)
            shown = await everybody.status(answer.json())
    [breach] = [line for line in shown["timeline"] if line["what"] == "deadline_breached"]
    assert breach["at"].startswith("2026-03-25T17:00:00")  # midnight in Pontianak


@pytest.mark.timeout(60)
async def test_a_stranger_reads_every_fact_and_finds_no_person_in_it(everybody: People) -> None:
    await submitted(everybody, 6)
    numbers: dict[tuple[str, bytes], dict[int, str]] = defaultdict(dict)
    async for record in everything(everybody.system.endpoints["kafka"], FACT_TOPICS):
        headers = {name: value.decode() for name, value in record.headers}
        assert headers.keys() >= HEADERS
        assert headers["ce_subject"] == record.key.decode()
        assert headers["ce_specversion"] == "1.0"
        assert headers["content-type"] == "application/json"
        assert record.value.startswith(b"{")
        spoken = record.value.decode() + " ".join(headers.values())
        assert not [word for word in PERSONAL if word in spoken]
        said = numbers[(record.topic, record.key)].setdefault(
            int(headers["ce_sequence"]), headers["ce_id"]
        )
        assert said == headers["ce_id"], "said again after a crash, it is the same fact"
    assert numbers
    for place, sequence in numbers.items():
        assert [*sequence] == [*range(1, len(sequence) + 1)], place
