"""A mail is sent once under one Message-ID, and each answer of a mail server has its meaning (P8)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.notifier.effects.mail import (
    Attachment,
    Message,
    Outcome,
    PermanentFailure,
    Sent,
    SmtpMailer,
    SmtpSettings,
    TemporaryFailure,
)
from services.notifier.effects.rendering import RenderedMail, render_mail
from tests.support.mail_server import MailServer, mail_server

NOW = datetime(2026, 11, 30, 9, 0, 5, tzinfo=UTC)
NOTIFICATION = UUID("2b1e7c44-1111-4222-8333-123456789abc")
DOMAIN = "mail.diskominfo.kalbarprov.go.id"
MESSAGE = Message(
    notification_id=NOTIFICATION,
    recipients=("siti@dinkes.example.id",),
    mail=render_mail(
        "request_returned",
        {
            "registration_number": "DC-2026-000123",
            "agency_name": "Dinas Kesehatan “Ma'ruf” & Co",
            "kind": "open_account",
            "reason_text": "Surat penunjukan belum ada.\n.\nBaris setelah titik.\nFrom sini: é",
            "status_url": "https://datacloud.example/permintaan/7",
        },
    ),
    dated_at=datetime(2026, 11, 30, 9, 0, tzinfo=UTC),
)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def settings_for(port: int, **changes: Any) -> SmtpSettings:  # noqa: ANN401 - any setting
    settings = SmtpSettings(
        host="127.0.0.1",
        port=port,
        sender="Pelayanan Data Cloud <datacloud@kalbarprov.example>",
        mail_domain=DOMAIN,
    )
    return replace(settings, **changes)


async def sent(
    server: MailServer,
    message: Message = MESSAGE,
    **changes: Any,  # noqa: ANN401 - any setting
) -> Outcome:
    mailer = SmtpMailer(settings_for(server.port, **changes), now=lambda: NOW)
    return await mailer.send(message)


async def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    assert await sent(server) == Sent(NOW)
    assert len(server.taken) == 1
    assert server.taken[0].mail_from == "datacloud@kalbarprov.example"
    assert server.taken[0].rcpt_tos == ["siti@dinkes.example.id"]
    message = server.message()
    assert message["Message-ID"] == f"<{NOTIFICATION}@{DOMAIN}>"
    assert message["Date"].datetime == MESSAGE.dated_at
    assert message["Subject"] == "[DC-2026-000123] Permintaan Data Cloud perlu dilengkapi"
    assert message["From"] == "Pelayanan Data Cloud <datacloud@kalbarprov.example>"
    assert message["To"] == "siti@dinkes.example.id"
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == MESSAGE.mail.text
    assert html.get_content().replace("\r\n", "\n") == MESSAGE.mail.html


async def test_a_letter_travels_along_unchanged(server: MailServer) -> None:
    pdf = b"%PDF-1.7\r\n.\r\n" + bytes(range(256)) * 400
    attachment = Attachment("Surat konfirmasi DC-2026-000123.pdf", pdf)
    assert await sent(server, replace(MESSAGE, attachment=attachment)) == Sent(NOW)
    (part,) = server.message().iter_attachments()
    assert part.get_content_type() == "application/pdf"
    assert part.get_filename() == "Surat konfirmasi DC-2026-000123.pdf"
    assert part.get_content() == pdf


async def test_only_ascii_goes_over_the_wire(server: MailServer) -> None:
    await sent(server)
    content = server.taken[0].original_content
    assert content is not None
    assert content.isascii()
    lines = [line for line in content.split(b"\r\n") if not line.startswith(b"Message-ID: ")]
    assert max(map(len, lines)) <= 78
    assert b"\n" not in content.replace(b"\r\n", b"")


async def test_a_second_sending_bears_the_same_message_id(server: MailServer) -> None:
    await sent(server)
    await sent(server)
    assert server.message(0)["Message-ID"] == server.message(1)["Message-ID"]


async def test_a_long_mail_domain_keeps_the_message_id_in_one_piece(server: MailServer) -> None:
    domain = "a" * 60 + "." + "b" * 60 + ".kalbarprov.go.id"
    assert await sent(server, mail_domain=domain) == Sent(NOW)
    content = server.taken[0].original_content
    assert content is not None
    assert f"<{NOTIFICATION}@{domain}>\r\n".encode() in content


TEMPORARY: dict[str, tuple[dict[str, object], Outcome]] = {
    "sender, busy": ({"mail": "451 busy"}, TemporaryFailure("server_busy", 451)),
    "recipient, greylisted": (
        {"rcpt": {"siti@dinkes.example.id": "450 greylisted"}},
        TemporaryFailure("server_busy", 450),
    ),
    "message, no space": ({"data": "452 no space"}, TemporaryFailure("server_busy", 452)),
    "shutting down": ({"data": "421 closing"}, TemporaryFailure("server_busy", 421)),
    "sender": ({"mail": "550 not you"}, TemporaryFailure("sender_refused", 550)),
    "login wanted": ({"mail": "530 log in first"}, TemporaryFailure("not_authenticated", 530)),
    "closed before": ({"mail": "close"}, TemporaryFailure("connection_lost")),
    "closed in data": ({"data": "close"}, TemporaryFailure("connection_lost")),
}
PERMANENT: dict[str, tuple[dict[str, object], Outcome]] = {
    "recipient": (
        {"rcpt": {"siti@dinkes.example.id": "550 5.1.1 no such user"}},
        PermanentFailure("recipient_refused", 550),
    ),
    "message": ({"data": "554 looks like spam"}, PermanentFailure("message_refused", 554)),
    "too large": ({"data": "552 too large"}, PermanentFailure("message_refused", 552)),
}


@pytest.mark.parametrize("answer", [*TEMPORARY, *PERMANENT])
async def test_each_answer_says_whether_trying_again_can_help(
    server: MailServer, answer: str
) -> None:
    verdicts, expected = (TEMPORARY | PERMANENT)[answer]
    for name, verdict in verdicts.items():
        setattr(server, name, verdict)
    assert await sent(server) == expected
    assert server.taken == []


@pytest.mark.parametrize("phase", ["mail", "data"])
async def test_a_server_that_hangs_is_left_in_time(server: MailServer, phase: str) -> None:
    setattr(server, phase, "hang")
    started = asyncio.get_running_loop().time()
    assert await sent(server, step_seconds_max=0.2) == TemporaryFailure("timed_out")
    assert asyncio.get_running_loop().time() - started < 2


async def test_all_steps_together_end_in_time(server: MailServer) -> None:
    server.data = "hang"
    outcome = await sent(server, step_seconds_max=30.0, send_seconds_max=0.3)
    assert outcome == TemporaryFailure("timed_out")


async def test_an_answer_lost_after_the_server_took_the_mail_means_sending_the_same_again(
    server: MailServer,
) -> None:
    server.data = "close after"
    assert await sent(server) == TemporaryFailure("connection_lost")
    server.data = "250 OK"
    assert await sent(server) == Sent(NOW)
    assert server.message(0)["Message-ID"] == server.message(1)["Message-ID"]


@pytest.mark.parametrize("goodbye", ["hang", "close", "500 what?"])
async def test_what_happens_after_the_250_changes_nothing(server: MailServer, goodbye: str) -> None:
    server.goodbye = goodbye
    assert await sent(server) == Sent(NOW)


async def test_nobody_listening_is_temporary() -> None:
    mailer = SmtpMailer(settings_for(1), now=lambda: NOW)
    assert await mailer.send(MESSAGE) == TemporaryFailure("not_reachable")


@pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_server_that_is_no_mail_server_for_us_is_temporary(greeting: bytes) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        outcome = await SmtpMailer(settings_for(port), now=lambda: NOW).send(MESSAGE)
    assert isinstance(outcome, TemporaryFailure)


async def test_one_refused_officer_does_not_keep_the_mail_from_the_others(
    server: MailServer,
) -> None:
    server.rcpt = {"b@example.id": "550 no such user"}
    several = replace(MESSAGE, recipients=("a@example.id", "b@example.id", "c@example.id"))
    assert await sent(server, several) == Sent(NOW, refused=("b@example.id",))
    assert server.taken[0].rcpt_tos == ["a@example.id", "c@example.id"]


async def test_one_officer_to_be_tried_later_means_all_later_so_that_nobody_gets_it_twice(
    server: MailServer,
) -> None:
    server.rcpt = {"b@example.id": "450 later"}
    several = replace(MESSAGE, recipients=("a@example.id", "b@example.id"))
    assert await sent(server, several) == TemporaryFailure("server_busy", 450)
    assert server.taken == []


async def test_no_officer_accepted_is_permanent(server: MailServer) -> None:
    server.rcpt = {"a@example.id": "550 no", "b@example.id": "551 no"}
    several = replace(MESSAGE, recipients=("a@example.id", "b@example.id"))
    assert await sent(server, several) == PermanentFailure("recipient_refused")


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.id\r\nBcc: semua@example.id",
        "a@b.id\nRCPT TO:<x@y.id>",
        "a@b.id\x00",
        "a@b.id, x@y.id",
        "a@b.id> SIZE=1",
        "<a@b.id>",
        "tanpa-domain",
        "sité@b.id",
        "a@bücher.id",
        "",
    ],
)
async def test_an_address_that_is_not_one_address_is_undeliverable(
    server: MailServer, recipient: str
) -> None:
    outcome = await sent(server, replace(MESSAGE, recipients=(recipient,)))
    assert outcome == PermanentFailure("address_unusable")
    assert server.taken == []


async def test_nobody_to_send_to_is_undeliverable(server: MailServer) -> None:
    outcome = await sent(server, replace(MESSAGE, recipients=()))
    assert outcome == PermanentFailure("no_address")


@pytest.mark.parametrize("subject", ["x\r\nBcc: semua@example.id", "x\ny", "x\ry"])
async def test_a_subject_cannot_become_a_second_header(server: MailServer, subject: str) -> None:
    mail = RenderedMail(subject, "teks", "<p>teks</p>")
    outcome = await sent(server, replace(MESSAGE, mail=mail))
    assert isinstance(outcome, PermanentFailure)
    assert server.taken == []


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "datacloud"},
        {"mail_domain": "x>\r\nBcc: y"},
        {"mail_domain": ""},
        {"sender": "no address"},
        {"sender": "a@b.id\r\nBcc: x@y.id"},
    ],
)
def test_settings_that_cannot_work_stop_the_start(changes: dict[str, str]) -> None:
    with pytest.raises((ValueError, IndexError)):
        settings_for(25, **changes)
