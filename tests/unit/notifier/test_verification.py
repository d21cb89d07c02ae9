"""Whoever holds a letter can ask whether it is real; what is printed on it opens nothing else (P9)."""

from typing import cast

import pytest

from services.notifier.web import LETTER, Counter, routes
from shared.event_sourcing.database import Pool
from shared.web.tracking import TrackingKeys
from tests.support import requests as r
from tests.support.web import application, client_of
from tests.unit.notifier.cases import LETTER_ID, NUMBER

KEYS = TrackingKeys({1: bytes(32)})


class OneLetter:
    """A database that knows one letter, of one request."""

    async def fetchval(self, query: str, letter_number: str) -> object:
        if letter_number != NUMBER:
            return None
        return LETTER_ID if "select letter_id" in query else r.REQUEST_ID


@pytest.mark.parametrize(
    ("number", "code", "real"),
    [
        (NUMBER, KEYS.code(LETTER, LETTER_ID), True),
        ("000.8/18/DISKOMINFO-C/2026", KEYS.code(LETTER, LETTER_ID), False),
        (NUMBER, KEYS.code("request", r.REQUEST_ID), False),
        (NUMBER, KEYS.code("request", LETTER_ID), False),
        (NUMBER, "", False),
    ],
)
async def test_a_letter_is_real_by_its_own_code_and_not_by_a_tracking_code(
    number: str, code: str, real: bool
) -> None:
    app = application(routes(Counter(cast("Pool", OneLetter()), KEYS)))
    async with client_of(app) as client:
        page = await client.get("/surat/verifikasi", params={"nomor": number, "kode": code})
    assert page.status_code == 200
    assert ("benar diterbitkan" in page.text) is real


def test_what_is_printed_on_a_letter_does_not_open_its_request() -> None:
    printed = KEYS.code(LETTER, LETTER_ID)
    assert not KEYS.opens(printed, "request", r.REQUEST_ID)
    assert not KEYS.opens(KEYS.code(LETTER, r.REQUEST_ID), "request", r.REQUEST_ID)
