"""The databases' clock jumps days ahead: deadlines pass, leases end, whatever waits is due."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.event_sourcing.database import DATABASE_ERRORS, PlainConnection
from shared.operations.stack import SERVICES
from tests.chaos.fault import Make
from tests.chaos.harness import ChaosSystem

PATIENCE_TRIES = 60


@dataclass(frozen=True, slots=True)
class Jump:
    """By so many days, in all five databases, one after the other."""

    days: float
    kind: str = "clock jump"

    @property
    def what(self) -> str:
        return f"{self.days:.1f} days ahead"

    async def strike(self, system: ChaosSystem) -> int:
        """The setting reaches new sessions only: the others are ended."""
        async with system.clock:
            before = system.jumps[-1][2] if system.jumps else timedelta(0)
            shift, began = before + timedelta(days=self.days), datetime.now(UTC)
            system.jumps.append((began, datetime.max.replace(tzinfo=UTC), shift))
            with system.interruptions.lasting("postgres"):
                for service in SERVICES:
                    await _shift(system, service, shift)
            system.jumps[-1] = (began, datetime.now(UTC), shift)
        return 1


async def _shift(system: ChaosSystem, service: str, shift: timedelta) -> None:
    """Again until it is done: other faults may be at work."""
    for _ in range(PATIENCE_TRIES):
        with suppress(*DATABASE_ERRORS):
            connection = await system.admin(service)
            try:
                await _move(connection, service, int(shift.total_seconds()))
            finally:
                connection.terminate()
            return
        await asyncio.sleep(1)
    message = f"the clock of {service} could not be moved"
    raise RuntimeError(message)


async def _move(connection: PlainConnection, service: str, seconds: int) -> None:
    """Whoever began under the old setting is ended, also who was just beginning."""
    await connection.execute(
        f"alter database \"{service}\" set datacloud.clock_shift = '{seconds} seconds'"
    )
    moved_at = await connection.fetchval("select clock_timestamp()")
    for _ in range(3):
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = $1 and pid <> pg_backend_pid() and backend_start <= $2",
            service, moved_at,
        )  # fmt: skip
        await asyncio.sleep(0.2)


def jump(chance: random.Random) -> Jump:
    """Over one deadline of a request, or also over those of complaints."""
    return Jump(chance.choice((0.4, 1.5, 3.0, 8.0)))


KINDS: dict[str, Make] = {"clock jump": jump}
