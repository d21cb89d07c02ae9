"""A real SMTP server (aiosmtpd) in the test's own loop, which answers as it is told and keeps what it took."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME, PASSWORD = "datacloud", "s3cret-of-the-tests"


@dataclass
class MailServer:
    """Verdicts are SMTP lines such as `451 busy`; `hang` never answers, `close` and `close after` break off."""

    port: int = 0
    mail: str = "250 OK"
    rcpt: dict[str, str] = field(default_factory=dict)
    data: str = "250 OK"
    taken: list[Envelope] = field(default_factory=list)
    goodbye: str = "221 Bye"

    def message(self, number: int = 0) -> EmailMessage:
        content = self.taken[number].original_content
        assert content is not None
        parsed = BytesParser(_class=EmailMessage, policy=SMTP_POLICY).parsebytes(content)
        assert isinstance(parsed, EmailMessage)
        return parsed

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        envelope.mail_from = address
        return await self._said(self.mail, _server)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        verdict = await self._said(self.rcpt.get(address, "250 OK"), server)
        if verdict.startswith("250"):
            envelope.rcpt_tos.append(address)
        return verdict

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.data == "close after":
            self.taken.append(envelope)
        verdict = await self._said(self.data.removesuffix(" after"), server)
        if verdict.startswith("250"):
            self.taken.append(envelope)
        return verdict

    async def handle_QUIT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return await self._said(self.goodbye, server)

    async def _said(self, verdict: str, server: SMTP) -> str:
        if verdict == "hang":
            await asyncio.sleep(60)
        if verdict == "close":
            assert server.transport is not None
            server.transport.close()
        return verdict


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    expected = LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=given == expected, handled=False)


@contextlib.asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """On a free loopback port; with `tls` it wants STARTTLS and a login first."""
    mail = MailServer()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        server = SMTP(
            mail,
            hostname="mail.test",
            loop=asyncio.get_running_loop(),
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            authenticator=_authenticate if tls else None,
            ident="test",
        )
        sessions.append(server)
        return server

    listening = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    mail.port = listening.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        listening.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0.05)
