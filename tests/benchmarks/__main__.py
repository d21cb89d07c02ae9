"""`make bench`: the rows of the design's table of speed. Exit code 1 when one misses its bound."""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import structlog
import uvloop

from shared.operations.memory import spare_the_collector
from tests.benchmarks import append, deadlines, latency, rebuild, relay, services, subscription
from tests.benchmarks.measure import Row, machine
from tests.support.bus import bus
from tests.support.ledger import Ledger, ledger
from tests.support.servers import Databases, embedded_databases, embedded_kafka


def show(rows: list[Row]) -> list[Row]:
    """As soon as it is known."""
    for row in rows:
        sys.stdout.write(f"{row}\n")
    sys.stdout.flush()
    return rows


def main() -> int:
    """Servers up, every row, servers down."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    spare_the_collector()  # as every service does, and the floors with it
    sys.stdout.write(f"{machine()}\n")
    with tempfile.TemporaryDirectory(prefix="datacloud-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with (
            embedded_databases(directory / "postgres") as databases,
            embedded_kafka(directory / "kafka") as bootstrap,
        ):
            own, other = databases.make("complaints"), databases.make("complaints")
            found = uvloop.run(_store_and_messaging(databases, bootstrap, own, other))
        found += show(services.rows(directory / "local"))
    missed = [row.what for row in found if not row.holds]
    sys.stdout.write(f"missed: {', '.join(missed)}\n" if missed else "every bound is kept\n")
    return 1 if missed else 0


async def _store_and_messaging(
    databases: Databases, bootstrap: str, own: str, other: str
) -> list[Row]:
    async with AsyncExitStack() as open_now:

        async def service(dsn: str, size: int) -> Ledger:
            owner = databases.dsn(dsn.rsplit("/", 1)[1], "complaints_owner")
            return await open_now.enter_async_context(ledger(dsn, owner, size=size))

        first, second = await service(own, append.CONNECTIONS), await service(other, 10)
        said, floor, heard, quick = [
            await open_now.enter_async_context(bus(bootstrap)) for _ in range(4)
        ]
        owner_dsn = databases.dsn(own.rsplit("/", 1)[1], "complaints_owner")
        owner = await asyncpg.connect(owner_dsn)
        open_now.push_async_callback(owner.close)
        found = show(await append.rows(first, owner.execute))
        await owner.execute("truncate outbox, events, notes")
        found += show(await deadlines.rows(first))
        await owner.execute("truncate outbox, events, notes")
        found += show(await rebuild.rows(first, owner_dsn))
        await owner.execute("truncate outbox, events, notes")
        found += show(await relay.rows(first, own, said, floor))
        await owner.execute("truncate outbox, events, notes")
        found += show(await subscription.rows(first, heard, owner.execute))
        await owner.execute("truncate outbox, events, notes, marks, offsets")
        await asyncio.sleep(1)
        found += show(await latency.rows(first, own, second, quick))
    return found


if __name__ == "__main__":
    sys.exit(main())
