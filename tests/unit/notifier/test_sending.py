"""A mail is sent while it is wanted, told as it stands at that moment, and stamped by the one clock (P8)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.notifier.app import MAIL_ATTEMPTS_MAX
from services.notifier.commands import RecordSent
from services.notifier.decisions import CONFIRMED
from services.notifier.effects.correspondence import FORGOTTEN, Mails, Office, content_of
from services.notifier.effects.letter import Signer
from services.notifier.effects.mail import SmtpMailer, SmtpSettings
from services.notifier.state import State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import GiveUp
from shared.event_sourcing.scheduling import BACKOFF_SECONDS_MAX, Due
from shared.people.persons import Person
from shared.service_standard.standard import load_standard
from shared.web.tracking import TrackingKeys
from tests.support import requests as r
from tests.support.mail_server import MailServer, mail_server
from tests.unit.notifier.cases import CONFIRMATION, LETTER, MADE, NOTHING, heard

KEYS = TrackingKeys({1: bytes(32)})
SIGNER = Signer("Drs. Contoh", "Pembina", "197001011995031001")
OFFICERS = ("ani@kalbarprov.example", "budi@kalbarprov.example")
SLOW, SHIFT = timedelta(seconds=0.3), timedelta(days=-3)


class Database:
    """Knows one person, is slow, and lives three days ago."""

    async def fetchval(self, query: str, *_: object) -> object:
        if "datacloud_now" in query:
            await asyncio.sleep(SLOW.total_seconds())
            return datetime.now(UTC) + SHIFT
        contact = Person(person_id=r.CONTACT_ID, kind="contact", name="B", email="b@dinas.example")
        return contact.model_dump_json().encode()


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def mails(server: MailServer) -> Mails:
    smtp = SmtpSettings("127.0.0.1", server.port, "datacloud@kalbarprov.example", "mail.example")
    pool, mailer = cast("Pool", Database()), SmtpMailer(smtp, lambda: datetime.now(UTC))
    pattern, recipients = "{number}/{year}", {"reviewer": OFFICERS}
    return Mails(
        Office(pool, mailer, KEYS, load_standard(), SIGNER, pattern, "https://d.test", recipients)
    )


def work(state: State, template: str, claimed_at: datetime = r.MONDAY) -> Due:
    keys = [key for key, mail in state.mails.items() if mail.notification.template == template]
    (key,) = keys
    name, payload = f"mail:{key}", {"notification_id": str(key)}
    return Due("s", name, "mail", r.MONDAY, payload, 0, UUID(int=1), {}, claimed_at)


def body_of(server: MailServer) -> str:
    body = server.message().get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


async def test_a_mail_that_was_dropped_is_not_sent(server: MailServer) -> None:
    dropped, ruled_out = heard(MADE, r.withdrawn()).state, replace(MADE.state, ruled_out=True)
    for state in (dropped, ruled_out):
        with pytest.raises(GiveUp, match="dropped"):
            await mails(server).perform(work(state, CONFIRMED), state)
    assert server.taken == []


async def test_a_mail_is_stamped_by_the_clock_of_the_database_at_the_servers_250(
    server: MailServer,
) -> None:
    state = heard(NOTHING, r.deadline_set()).state
    due = work(state, "new_request_for_reviewers", claimed_at=r.MONDAY)
    began = datetime.now(UTC)
    sent = (await mails(server).perform(due, state)).command(Given(r.MONDAY))
    took = datetime.now(UTC) - began
    assert isinstance(sent, RecordSent)
    assert timedelta() <= sent.sent_at - (began + SHIFT) <= took - SLOW


async def test_refused_addresses_of_officers_are_counted_in_the_log_and_not_named(
    server: MailServer,
) -> None:
    server.rcpt = {OFFICERS[1]: "550 no such user"}
    state = heard(NOTHING, r.deadline_set()).state
    with capture_logs() as logs:
        await mails(server).perform(work(state, "new_request_for_reviewers"), state)
    assert logs == [
        {"event": "addresses_refused", "log_level": "warning", "role": "reviewer", "count": 1}
    ]


@pytest.mark.parametrize(("cycle", "words"), [(1, "Permintaan"), (2, "Berkas yang melengkapi")])
async def test_who_files_or_completes_gets_a_receipt_with_number_date_and_code(
    server: MailServer, cycle: int, words: str
) -> None:
    state = heard(NOTHING, r.deadline_set(cycle)).state
    await mails(server).perform(work(state, "request_received"), state)
    assert server.taken[0].rcpt_tos == ["b@dinas.example"]
    body = body_of(server)
    assert f"{words} " in body
    assert "paling lambat Selasa, 24 November 2026." in body
    assert "Nomor registrasi: DC-2026-000123" in body
    assert KEYS.code("request", r.REQUEST_ID) in body


async def test_a_receipt_that_goes_out_after_the_due_date_promises_nothing(
    server: MailServer,
) -> None:
    state = heard(NOTHING, r.deadline_set()).state
    due = work(state, "request_received", claimed_at=r.BREACH_AT)
    await mails(server).perform(due, state)
    assert "paling lambat" not in body_of(server)


def test_a_mail_outlives_two_days_without_a_mail_server_and_is_tried_each_minute() -> None:
    assert BACKOFF_SECONDS_MAX <= 60
    assert MAIL_ATTEMPTS_MAX * timedelta(seconds=BACKOFF_SECONDS_MAX) >= timedelta(days=2)


def test_a_letter_says_who_is_administrator_under_which_user_name_in_which_group() -> None:
    person = Person(
        person_id=r.ADMINISTRATOR_ID, kind="administrator", name="Siti", position="Pranata Komputer"
    )
    said = content_of(CONFIRMATION, LETTER, person, SIGNER)
    assert (said.user_id, said.group) == ("dc-bappeda-7f3a", "pd-bappeda")
    assert (said.administrator_name, said.administrator_position) == ("Siti", "Pranata Komputer")
    forgotten = content_of(CONFIRMATION, LETTER, None, SIGNER)
    assert (forgotten.administrator_name, forgotten.administrator_position) == (FORGOTTEN, None)
