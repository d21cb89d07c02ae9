"""One relay leads at a time, so that of two that are at work neither overtakes the other (P4)."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from shared.messaging.relay import Relay
from tests.integration.messaging.test_relay import TOLD, emptied, numbers, relaying, speaking
from tests.support.bus import Bus
from tests.support.ledger import Ledger, count, do

LONG_ENOUGH_SECONDS = 2.5
"""For a relay that does not wait for its turn to say what it finds."""


async def test_a_relay_that_is_slow_with_a_row_is_not_overtaken_by_another_relay(
    unit: Ledger, dsn: str, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, slow, go_on = speaking(unit, topic), asyncio.Event(), asyncio.Event()
    send = Relay._send  # noqa: SLF001 - the moment between reading a row and saying it

    async def slowly(self: Relay, *what: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        if not slow.is_set():
            slow.set()
            await go_on.wait()
        return await send(self, *what)

    monkeypatch.setattr(Relay, "_send", slowly)
    async with relaying(service, dsn, topic.bootstrap):
        await do(service, "s", TOLD)
        await asyncio.wait_for(slow.wait(), 20)
        await do(service, "s", TOLD)
        async with relaying(service, dsn, topic.bootstrap):
            with suppress(TimeoutError):
                async with asyncio.timeout(LONG_ENOUGH_SECONDS):
                    while await count(unit.pool, "outbox") == 2:  # noqa: ASYNC110 - a database does not call back
                        await asyncio.sleep(0.02)
            go_on.set()
            await emptied(unit)
    assert numbers(await topic.read(2)) == {"s": [1, 2]}
