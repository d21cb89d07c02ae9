"""Work whose time has come: what a worker knows of it while it holds the lease, and how it gives the lease back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.event_sourcing.database import DATABASE_ERRORS, Pool
from shared.event_sourcing.unit_of_work import Context

GIVE_BACK_SECONDS_MAX = 1.0

_GIVE_BACK = """
update scheduled as entry set lease_token = null, lease_until = null
from unnest($1::text[], $2::text[]) as left_off(stream_id, name)
where entry.stream_id = left_off.stream_id and entry.name = left_off.name and entry.lease_token = $3
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Work whose time has come, leased to this worker."""

    stream_id: str
    name: str
    kind: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int
    token: UUID
    metadata: dict[str, Any]
    claimed_at: datetime

    def context(self, actor: str) -> Context:
        """What follows from this work was caused by the event that scheduled it, and belongs to its correlation."""
        return Context(
            actor,
            UUID(self.metadata["correlation_id"]),
            UUID(self.metadata["causation_id"]),
            self.metadata.get("traceparent"),
        )


async def give_back(pool: Pool, claimed: Sequence[Due]) -> None:
    """Nobody works on it any more: anybody may claim it at once. Where the database is away the lease has to end.

    All of `claimed` carry one token; what was done, or set again, or claimed by another is left alone.
    """
    if not claimed:
        return
    names = [due.stream_id for due in claimed], [due.name for due in claimed]
    with suppress(*DATABASE_ERRORS):
        async with asyncio.timeout(GIVE_BACK_SECONDS_MAX):
            await pool.execute(_GIVE_BACK, *names, claimed[0].token)
