"""A mail server that wants TLS and a login: it gets both, and nobody gets a mail past them (P8, P9)."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.notifier.effects.mail import Sent, TemporaryFailure
from tests.integration.test_mail import NOW, sent
from tests.support.mail_server import PASSWORD, USERNAME, MailServer, mail_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
async def strict_server(certificate: Path) -> AsyncIterator[MailServer]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with mail_server(tls) as server:
        yield server


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


async def test_a_server_that_wants_tls_and_a_login_gets_both(
    strict_server: MailServer, certificate: Path, password_file: Path
) -> None:
    outcome = await sent(
        strict_server,
        starttls=True,
        ca_file=certificate,
        username=USERNAME,
        password_file=password_file,
    )
    assert outcome == Sent(NOW)


@pytest.mark.parametrize(
    ("password", "reason"),
    [(b"wrong", "not_authenticated"), (b"\xff", "password_file_unreadable")],
)
async def test_a_wrong_password_is_no_reason_to_give_a_mail_up(
    strict_server: MailServer, certificate: Path, password_file: Path, password: bytes, reason: str
) -> None:
    write(password_file, password)
    outcome = await sent(
        strict_server,
        starttls=True,
        ca_file=certificate,
        username=USERNAME,
        password_file=password_file,
    )
    assert isinstance(outcome, TemporaryFailure)
    assert outcome.reason_code == reason


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_a_certificate_nobody_vouches_for_is_not_accepted(strict_server: MailServer) -> None:
    assert await sent(strict_server, starttls=True) == TemporaryFailure("tls_failed")


async def test_a_server_without_tls_gets_no_mail_when_tls_is_wanted() -> None:
    async with mail_server() as server:
        assert await sent(server, starttls=True) == TemporaryFailure("server_unsuitable")
        assert server.taken == []
