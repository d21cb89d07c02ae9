"""One message to one mail server, and its verdict told apart by whether trying again can help.

Promise P8: the Message-ID is the notification's id, so that a second copy after a lost answer is known as such.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from pathlib import Path
from uuid import UUID

import aiosmtplib

from services.notifier.effects.rendering import RenderedMail

STEP_SECONDS_MAX = 8.0
SEND_SECONDS_MAX = 20.0
"""Below the 25 seconds after which the scheduler gives an effect up."""
GOODBYE_SECONDS_MAX = 1.0
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_ABOUT_US = frozenset({530, 534, 535, 538})
"""Refusals of RFC 4954: our settings are wrong, not the message."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF under a name of ours."""

    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A notification ready to go; all its recipients see each other."""

    notification_id: UUID
    recipients: tuple[str, ...]
    mail: RenderedMail
    dated_at: datetime
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The server said 250 at `sent_at`. `refused`: recipients it would not take, beside those it took."""

    sent_at: datetime
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TemporaryFailure:
    """Nobody has it, as far as is known: send the same message again later."""

    reason_code: str
    smtp_code: int | None = None


@dataclass(frozen=True, slots=True)
class PermanentFailure:
    """Nobody has it and nobody will: undeliverable."""

    reason_code: str
    smtp_code: int | None = None


Outcome = Sent | TemporaryFailure | PermanentFailure


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mail goes out and as whom. The password is read from its file for each message: it may be replaced."""

    host: str
    port: int
    sender: str
    mail_domain: str
    starttls: bool = False
    ca_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    step_seconds_max: float = STEP_SECONDS_MAX
    send_seconds_max: float = SEND_SECONDS_MAX

    def __post_init__(self) -> None:
        if self.username is not None and not self.starttls:
            raise ValueError("a password is not sent in the clear: set starttls as well")
        if not _DOMAIN.fullmatch(self.mail_domain):
            raise ValueError(f"not a domain name: {self.mail_domain!r}")
        if not self.sender.isprintable():
            raise ValueError("a sender is one line")
        _address(parseaddr(self.sender)[1])


class _MessageIdInOnePiece(EmailPolicy):
    """Python folds a Message-ID beyond 78 characters, and then some readers see a blank before it."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name == "Message-ID":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


class SmtpMailer:
    """Sends by SMTP, one connection per message. `now` stamps the server's 250."""

    def __init__(self, settings: SmtpSettings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._tls = (
            ssl.create_default_context(cafile=settings.ca_file) if settings.starttls else None
        )

    async def send(self, message: Message) -> Outcome:
        """What became of it; never raises for anything that a server or a network does."""
        settings = self._settings
        if not message.recipients:
            return PermanentFailure("no_address")
        try:
            email = as_email(message, settings.sender, settings.mail_domain)
        except (ValueError, IndexError, MessageError):
            return PermanentFailure("address_unusable")
        try:
            client = self._client()
        except (OSError, ValueError):
            return TemporaryFailure("password_file_unreadable")
        try:
            async with asyncio.timeout(settings.send_seconds_max):
                outcome = await self._converse(client, email)
            await _say_goodbye(client)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _verdict(error)
        else:
            return outcome
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        settings, password = self._settings, None
        if settings.password_file is not None:
            password = settings.password_file.read_text("utf-8").strip()
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.mail_domain,
            timeout=settings.step_seconds_max,
            start_tls=settings.starttls,
            tls_context=self._tls,
            username=settings.username,
            password=password,
        )

    async def _converse(self, client: aiosmtplib.SMTP, email: EmailMessage) -> Outcome:
        recipients = [address.addr_spec for address in email["To"].addresses]
        await client.connect()
        await client.mail(email["From"].addresses[0].addr_spec)
        refused: list[str] = []
        for recipient in recipients:
            try:
                await client.rcpt(recipient)
            except aiosmtplib.SMTPRecipientRefused as error:
                verdict = _verdict(error)
                if isinstance(verdict, TemporaryFailure) or len(recipients) == 1:
                    return verdict  # nobody gets it now, so that nobody gets it twice
                refused.append(recipient)
        if len(refused) == len(recipients):
            return PermanentFailure("recipient_refused")
        await client.data(email.as_bytes())
        return Sent(self._now(), tuple(refused))


def as_email(message: Message, sender: str, mail_domain: str) -> EmailMessage:
    """The message as it goes over the wire. Raises ValueError or MessageError for what would not be one header."""
    email = EmailMessage(policy=_MessageIdInOnePiece(linesep="\r\n"))
    email["Message-ID"] = f"<{message.notification_id}@{mail_domain}>"
    email["Date"] = format_datetime(message.dated_at)
    email["From"] = sender
    email["To"] = [_address(recipient) for recipient in message.recipients]
    email["Subject"] = message.mail.subject
    email["Auto-Submitted"] = "auto-generated"
    email["Content-Language"] = "id"
    email.set_content(message.mail.text, cte="quoted-printable")
    email.add_alternative(message.mail.html, subtype="html", cte="quoted-printable")
    if message.attachment is not None:
        email.add_attachment(
            message.attachment.content,
            maintype="application",
            subtype="pdf",
            filename=message.attachment.filename,
        )
    return email


def _address(recipient: str) -> Address:
    address = Address(addr_spec=recipient)
    if not recipient.isascii() or not recipient.isprintable() or not address.domain:
        raise ValueError("not an address that every mail server understands")
    return address


def _verdict(error: Exception) -> TemporaryFailure | PermanentFailure:
    """The order matters: most of these errors are OSErrors too. A refused sender is our setting, not the message."""
    match error:
        case aiosmtplib.SMTPAuthenticationError(code=code):
            return TemporaryFailure("not_authenticated", code)
        case aiosmtplib.SMTPSenderRefused(code=code):
            return TemporaryFailure(_refusal("sender_refused", code).reason_code, code)
        case aiosmtplib.SMTPRecipientRefused(code=code):
            return _refusal("recipient_refused", code)
        case aiosmtplib.SMTPDataError(code=code):
            return _refusal("message_refused", code)
        case aiosmtplib.SMTPResponseException(code=code):
            return TemporaryFailure("server_refused", code)
        case TimeoutError():
            return TemporaryFailure("timed_out")
        case aiosmtplib.SMTPServerDisconnected():
            return TemporaryFailure("connection_lost")
        case ssl.SSLError():
            return TemporaryFailure("tls_failed")
        case OSError():
            return TemporaryFailure("not_reachable")
        case _:
            return TemporaryFailure("server_unsuitable")


def _refusal(reason_code: str, code: int) -> TemporaryFailure | PermanentFailure:
    if code in _ABOUT_US:
        return TemporaryFailure("not_authenticated", code)
    if code // 100 == 5:  # noqa: PLR2004 - RFC 5321 section 4.2.1: permanent negative completion
        return PermanentFailure(reason_code, code)
    return TemporaryFailure("server_busy", code)


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """Whatever the server answers now changes nothing: the message has its verdict."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=GOODBYE_SECONDS_MAX)
