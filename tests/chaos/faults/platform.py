"""A cloud platform that is slow or busy, talks nonsense, or acts and does not say so."""

import random
import re
from functools import partial

from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire
from tests.chaos.trouble import Trouble

ROUTE = [("provisioning", "cloud_platform")]
REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) ")
CREATED = b"POST "


UNAVAILABLE = "503 Service Unavailable"


def saying(status: str, body: bytes = b"") -> Trouble:
    """To every call, whatever it asks."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    whole = head.encode() + b"Connection: close\r\n\r\n" + body

    def answer(message: bytes) -> bytes | None:
        return whole if REQUEST.match(message) else b""

    return Trouble(answer=answer)


def busy() -> Trouble:
    return saying(UNAVAILABLE)


def says(chance: random.Random, *, kind: str, status: str, body: bytes = b"") -> Wire:
    return Wire(kind, ROUTE, chance.uniform(2, 7), saying(status, body))


def acts_in_silence(chance: random.Random) -> Wire:
    """It creates the account, and its answer is lost."""
    trouble = Trouble(lose_answer_to=CREATED, times=chance.randint(1, 4))
    return Wire("platform acts in silence", ROUTE, chance.uniform(3, 8), trouble)


def slow(chance: random.Random) -> Wire:
    """Around the five seconds a call may take."""
    trouble = Trouble(delay_seconds=chance.uniform(1, 4))
    return Wire("platform slow", ROUTE, chance.uniform(5, 12), trouble)


def hangs(chance: random.Random) -> Wire:
    return Wire("platform hangs", ROUTE, chance.uniform(4, 12), Trouble(silent=True))


KINDS: dict[str, Make] = {
    "platform 503": partial(says, kind="platform 503", status=UNAVAILABLE),
    "platform 429": partial(
        says, kind="platform 429", status="429 Too Many Requests\r\nRetry-After: 2"
    ),
    "platform nonsense": partial(says, kind="platform nonsense", status="200 OK", body=b'{"id":'),
    "platform acts in silence": acts_in_silence,
    "platform slow": slow,
    "platform hangs": hangs,
}
