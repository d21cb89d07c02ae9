"""A relay that dies after the broker has it, and one that has very much to say at once (P2, P3, P4)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.facts.intake import RequestSubmitted
from shared.contracts.registry import ce_type_of, encode
from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.relay import Relay
from tests.support import requests as r
from tests.support.bus import Bus, consuming, counted, until
from tests.support.ledger import DEFINITION, Happened, History, Ledger, count, do

BURST_STREAMS, BURST_EACH = 20, 500


def speaking(unit: Ledger, topic: Bus) -> Ledger:
    """What happens names a request, and is said as its submission."""

    def publish(event: Happened, _: History) -> Published | None:
        said = r.submitted(agency_code="BAPPEDA", request_id=UUID(event.what))
        name = ce_type_of(RequestSubmitted)
        return Published(topic.topic, name, encode(said)) if event.tell else None

    return UnitOfWork(unit.pool, replace(DEFINITION, publish=publish))


@asynccontextmanager
async def relaying(unit: Ledger, dsn: str, bootstrap: str) -> AsyncIterator[None]:
    task = asyncio.create_task(Relay(dsn, bootstrap, "ledger", unit.wakeups).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def emptied(unit: Ledger) -> None:
    async with asyncio.timeout(60):
        while await count(unit.pool, "outbox"):  # noqa: ASYNC110 - a database does not call back
            await asyncio.sleep(0.02)


async def test_what_was_published_and_not_yet_deleted_is_said_again_and_taken_in_once(
    unit: Ledger, dsn: str, topic: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, settle, died = speaking(unit, topic), Relay._settle, 0  # noqa: SLF001 - between the two halves

    async def dies_once(self: Relay, *what: Any) -> None:  # noqa: ANN401 - whatever it takes
        nonlocal died
        died += 1
        if died == 1:
            raise ConnectionResetError
        await settle(self, *what)

    monkeypatch.setattr(Relay, "_settle", dies_once)
    names = [str(uuid4()) for _ in range(10)]
    for name in names:
        await do(service, name, Happened(name, tell=True), Happened(name, tell=True))
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
    records = await topic.read(40)
    assert len({dict(record.headers)["ce_id"] for record in records}) == 20
    taking = topic.subscription(unit)
    async with consuming(unit, topic.bootstrap, taking):
        await until(lambda: counted(taking.name).get("received") == 40)
        await until(lambda: counted(taking.name).get("applied") == 20)
    assert counted(taking.name)["duplicate"] == 20
    assert await count(unit.pool, "blocked") == 0


async def test_a_burst_of_ten_thousand_facts_is_said_in_order(
    unit: Ledger, dsn: str, topic: Bus
) -> None:
    service = speaking(unit, topic)
    for _ in range(BURST_STREAMS):
        name = str(uuid4())
        await do(service, name, *[Happened(name, tell=True)] * BURST_EACH)
    assert await count(unit.pool, "outbox") == BURST_STREAMS * BURST_EACH
    async with relaying(service, dsn, topic.bootstrap):
        await emptied(unit)
    said = defaultdict[bytes, list[int]](list)
    for record in await topic.read(BURST_STREAMS * BURST_EACH):
        said[record.key].append(int(dict(record.headers)["ce_sequence"]))
    assert [*said.values()] == [[*range(1, BURST_EACH + 1)]] * BURST_STREAMS
