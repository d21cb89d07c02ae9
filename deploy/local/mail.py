"""A mail server that delivers to nobody: every mail is an `.eml` file, in the order it came.

Promise: after its 250 a mail is on the disk, whole, even if the machine stops; a half-written one is never seen.
"""

import argparse
import asyncio
import os
import signal
import time
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MAIL_BYTES_MAX = 30 * 1024 * 1024


class Mailbox:
    """A directory of mails; what aiosmtpd calls a handler."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._numbers = directory, count()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """The message byte for byte, below the addresses of its envelope."""
        content = envelope.original_content or b""
        addresses = [("X-Mail-From", envelope.mail_from or "")]
        addresses += [("X-Rcpt-To", recipient) for recipient in envelope.rcpt_tos]
        head = "".join(f"{name}: {address}\r\n" for name, address in addresses).encode()
        try:
            await asyncio.to_thread(self._keep, head + content)
        except OSError:
            return "451 4.3.0 The mail could not be stored; try again"
        return "250 2.0.0 Stored"

    def _keep(self, mail: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers):06d}"
        arriving, arrived = self._directory / f".{name}", self._directory / f"{name}.eml"
        try:
            with arriving.open("xb") as file:
                file.write(mail)
                file.flush()
                os.fsync(file.fileno())
            arriving.rename(arrived)
        finally:
            arriving.unlink(missing_ok=True)
        sync_directory(self._directory)


def sync_directory(directory: Path) -> None:
    """Make a name that was just given to a file survive a power cut."""
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


async def serve(port: int, directory: Path) -> None:
    """Until SIGTERM."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    mailbox = Mailbox(directory)

    def session() -> SMTP:
        return SMTP(
            mailbox, data_size_limit=MAIL_BYTES_MAX, hostname="mail.localhost", loop=loop, enable_SMTPUTF8=True
        )  # fmt: skip

    server = await loop.create_server(session, "127.0.0.1", port)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


def main() -> None:
    """`python -m deploy.local.mail --port 2525 --directory var/local/mail`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.directory))


if __name__ == "__main__":
    main()
