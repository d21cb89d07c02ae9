"""A mail server that says 4xx or 5xx, hangs, or takes the mail and is gone before it says so."""

import random
from functools import partial

from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire
from tests.chaos.trouble import Trouble

ROUTE = [("notifier", "smtp")]
END_OF_MAIL = b"\r\n.\r\n"


TRY_LATER = b"451 4.3.0 Try again later\r\n"


def saying(line: bytes) -> Trouble:
    """To every recipient."""

    def answer(message: bytes) -> bytes | None:
        return line if message[:8].upper() == b"RCPT TO:" else None

    return Trouble(answer=answer)


def busy() -> Trouble:
    return saying(TRY_LATER)


def says(chance: random.Random, *, kind: str, line: bytes) -> Wire:
    return Wire(kind, ROUTE, chance.uniform(2, 6), saying(line))


def hangs(chance: random.Random) -> Wire:
    return Wire("SMTP hangs", ROUTE, chance.uniform(4, 12), Trouble(silent=True))


def closes_after_data(chance: random.Random) -> Wire:
    """The mail is in the mailbox, nobody told us."""
    trouble = Trouble(lose_answer_to=END_OF_MAIL, times=chance.randint(1, 4))
    return Wire("SMTP closes after DATA", ROUTE, chance.uniform(3, 8), trouble)


def away(chance: random.Random) -> Wire:
    return Wire("SMTP refuses", ROUTE, chance.uniform(2, 8), Trouble(refuse=True))


KINDS: dict[str, Make] = {
    "SMTP 4xx": partial(says, kind="SMTP 4xx", line=TRY_LATER),
    "SMTP 5xx": partial(says, kind="SMTP 5xx", line=b"550 5.1.1 No such mailbox\r\n"),
    "SMTP hangs": hangs,
    "SMTP closes after DATA": closes_after_data,
    "SMTP refuses": away,
}
