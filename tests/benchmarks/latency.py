"""From the commit in one service to the commit in the next, at 200 facts a second."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

from shared.contracts.registry import encode
from shared.event_sourcing.store import Published
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.relay import Relay
from tests.benchmarks.measure import Row, percentile
from tests.support.bus import Bus, consuming, counted, until
from tests.support.ledger import DEFINITION, Happened, History, Ledger, do
from tests.support.requests import submitted

PER_SECOND, SECONDS, WARM_UP = 200, 12, 400


async def rows(first: Ledger, first_dsn: str, second: Ledger, bus: Bus) -> list[Row]:
    """One row of the table; both databases are of one server, and so of one clock."""

    def publish(event: Happened, _: History) -> Published:
        value = encode(submitted(request_id=UUID(event.what)))
        return Published(bus.topic, "datacloud.request_submitted.v1", value)

    saying: Ledger = UnitOfWork(first.pool, replace(DEFINITION, publish=publish))
    taking = bus.subscription(second)
    relay = asyncio.create_task(Relay(first_dsn, bus.bootstrap, "ledger", saying.wakeups).run())
    async with consuming(second, bus.bootstrap, taking):
        names = [str(uuid4()) for _ in range(PER_SECOND * SECONDS)]
        clock = asyncio.get_running_loop()
        began, tasks = clock.time(), []
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - clock.time()))
            tasks.append(asyncio.create_task(do(saying, name, Happened(name))))
        await asyncio.gather(*tasks)
        await until(lambda: counted(taking.name).get("applied", 0) >= len(names), 60)
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)
    said, heard = [
        {
            row["stream_id"]: row["recorded_at"]
            for row in await unit.pool.fetch("select * from events")
        }
        for unit in (saying, second)
    ]
    delays = [(heard[name] - said[name]).total_seconds() * 1000 for name in names[WARM_UP:]]
    remark = f"p50 {percentile(delays, 50):.0f} ms"
    what = f"commit -> committed in the next service, {PER_SECOND} facts/s, p99"
    return [Row(what, percentile(delays, 99), "ms", 50, "at most", remark)]
