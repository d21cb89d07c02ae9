"""Due work: deadlines, reminders and effects in one table, done under a lease.

Promises P7 (each deadline ends once, never early) and P8 (one effect). A row is claimed with a token; the command
that says what came of it commits together with the deletion of the row, under the token: a worker that lost its
lease cannot write. One stream's work of a kind runs one at a time, in the order it is due.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar
from uuid import uuid4

import asyncpg
import orjson
import structlog

from shared.event_sourcing.database import Pool, is_contention, is_world_away
from shared.event_sourcing.due import GIVE_BACK_SECONDS_MAX, Due, give_back
from shared.event_sourcing.outcomes import GiveUp, Refused, TryLater
from shared.event_sourcing.store import load
from shared.event_sourcing.transaction import Batch
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.operations import metrics
from shared.operations.backoff import backoff
from shared.operations.kill_points import reached

__all__ = ["Deadlines", "Due", "Effects", "claim", "complete"]

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

POLL_SECONDS = 0.5
DEADLINE_LEASE_SECONDS = 5
DEADLINES_PER_ROUND = 500
EFFECT_LEASE_SECONDS = 30
EFFECT_SECONDS_MAX = 25
STOP_SECONDS_MAX = 3
NOT_RECORDED_SECONDS = 3600.0
"""What was done but cannot be written is done again: seldom, since only another program can mend it."""
BACKOFF_SECONDS_MAX = 60.0

log = structlog.get_logger(__name__)


_CLAIM = """
with claimed as (
    select stream_id, name from scheduled as candidate
    where kind = $1 and due_at <= (select datacloud_now())
      and (lease_until is null or lease_until < (select datacloud_now()))
      and not exists (
        select from scheduled as earlier
        where earlier.stream_id = candidate.stream_id
          and earlier.kind is not distinct from candidate.kind -- no index answers this: by stream it is quick
          and earlier.name <> candidate.name
          and ((earlier.due_at, earlier.name) < (candidate.due_at, candidate.name)
               or earlier.lease_until >= (select datacloud_now())))
    order by due_at limit $2 for update skip locked)
update scheduled as entry set lease_token = $3, lease_until = (select datacloud_now()) + $4 * interval '1 second'
from claimed where entry.stream_id = claimed.stream_id and entry.name = claimed.name
returning entry.*, (select datacloud_now()) as claimed_at
"""
_DONE = """
delete from scheduled as entry using unnest($1::text[], $2::text[]) as done(stream_id, name)
where entry.stream_id = done.stream_id and entry.name = done.name and entry.lease_token = $3
returning entry.stream_id, entry.name
"""
_AGAIN = """
update scheduled set attempts = attempts + 1, due_at = datacloud_now() + $4 * interval '1 second',
    lease_token = null, lease_until = null
where stream_id = $1 and name = $2 and lease_token = $3
"""
# A deadline keeps its legal instant, and its place before the later ones of its stream.
_NOT_NOW = """
update scheduled set attempts = attempts + 1, lease_token = null,
    lease_until = datacloud_now() + $4 * interval '1 second'
where stream_id = $1 and name = $2 and lease_token = $3
"""


async def claim(pool: Pool, kind: str, limit: int, lease_seconds: float) -> list[Due]:
    """Lease what is due, earliest first; nobody else gets it until the lease ends or the entry is set again."""
    token = uuid4()
    reached("before_claim")
    rows = await pool.fetch(_CLAIM, kind, limit, token, lease_seconds)
    if rows:
        reached("after_claim")
    claimed = [
        Due(
            row["stream_id"], row["name"], row["kind"], row["due_at"], orjson.loads(row["payload"]),
            row["attempts"], token, orjson.loads(row["metadata"]), row["claimed_at"],
        )
        for row in rows
    ]  # fmt: skip
    return sorted(claimed, key=lambda due: (due.due_at, due.stream_id, due.name))


async def _claim_unless_stopped(
    pool: Pool, kind: str, limit: int, lease_seconds: float
) -> list[Due]:
    """As `claim`; who is asked to stop in that moment keeps nothing leased."""
    claiming = asyncio.ensure_future(claim(pool, kind, limit, lease_seconds))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        with suppress(Exception):  # what was not claimed need not be given back
            async with asyncio.timeout(GIVE_BACK_SECONDS_MAX):
                await give_back(pool, await claiming)
        raise


async def complete(
    unit: UnitOfWork[C, S, E], done: Sequence[tuple[Due, Work[C]]], *, at_due_instant: bool
) -> int:
    """Write what came of leased work and delete its rows, in one transaction; answers how many still held their lease.

    All of `done` carry one token. A command that is refused has become pointless: its row goes, nothing is written.
    """
    while True:
        try:
            async with unit.pool.acquire() as connection, connection.transaction():
                batch = Batch(unit, connection)
                await batch.begin()
                names = [due.stream_id for due, _ in done], [due.name for due, _ in done]
                held = {
                    (row["stream_id"], row["name"])
                    for row in await connection.fetch(_DONE, *names, done[0][0].token)
                }
                still = [pair for pair in done if (pair[0].stream_id, pair[0].name) in held]
                await batch.load([work.stream_id for _, work in still])
                for due, work in still:
                    await _decide(
                        batch, due, work, unit.definition.service, at_due_instant=at_due_instant
                    )
                reached("before_append_of_due_work")
                changes = await batch.write()
                reached("after_append_of_due_work")
                reached("before_commit_of_due_work")
            reached("after_commit_of_due_work")
        except Exception as error:
            if not is_contention(error):
                raise
            await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter
        else:
            unit.wakeups.after(changes)
            return len(still)


async def _decide(
    batch: Batch[C, S, E], due: Due, work: Work[C], service: str, *, at_due_instant: bool
) -> None:
    if work.number_series:
        await batch.take_number(work.number_series)
    context = due.context("clock" if at_due_instant else service)
    try:
        advances = batch.advance([(work, context)], due.due_at if at_due_instant else None)
    except Refused as refused:
        log.info("due_work_refused", name=due.name, code=refused.code)
        advances = []
    batch.keep(advances)
    if work.number_series and not any(advance.events for advance in advances):
        await batch.give_number_back(work.number_series)


class Deadlines(Generic[C, S, E]):
    """Fires due deadlines as commands whose `at` is the due instant, however late they are noticed."""

    def __init__(
        self, unit: UnitOfWork[C, S, E], kind: str, to_work: Callable[[Due], Work[C]]
    ) -> None:
        self._unit, self._kind, self._to_work = unit, kind, to_work

    async def run(self) -> None:
        """Until cancelled: first within a second of its instant, then as fast as the database takes them."""
        await _forever(self._unit, self._kind, self.round)

    async def round(self) -> bool:
        """Fire up to 500; True if there may be more."""
        claimed = await _claim_unless_stopped(
            self._unit.pool, self._kind, DEADLINES_PER_ROUND, DEADLINE_LEASE_SECONDS
        )
        try:
            if claimed:
                await self._fire(claimed)
        except asyncio.CancelledError:
            await give_back(self._unit.pool, claimed)
            raise
        return len(claimed) > 0

    async def _fire(self, claimed: Sequence[Due]) -> None:
        try:
            pairs = [(due, self._to_work(due)) for due in claimed]
            fired = await complete(self._unit, pairs, at_due_instant=True)
            metrics.EFFECTS.labels(self._kind, "fired").inc(fired)
        except Exception as error:
            if is_world_away(error):
                raise
            if len(claimed) > 1:
                for due in claimed:
                    await self._fire([due])
                return
            log.exception("deadline_failed", name=claimed[0].name, stream=claimed[0].stream_id)
            metrics.EFFECTS.labels(self._kind, "failed").inc()
            await _postpone(self._unit, _NOT_NOW, claimed[0], _pause(claimed[0].attempts))


class Effects(Generic[C, S, E]):
    """Does due work in the outside world, several at a time, and writes what came of it.

    `perform(due, state)` answers the work to write, or raises TryLater. After `attempts_max` failures `gave_up`
    says what people shall see.
    """

    def __init__(  # noqa: PLR0913 - the three functions are the effect, the two limits its bounds
        self,
        unit: UnitOfWork[C, S, E],
        kind: str,
        perform: Callable[[Due, S], Awaitable[Work[C]]],
        gave_up: Callable[[Due, str], Work[C]],
        *,
        at_once: int = 4,
        attempts_max: int | None = 8,
    ) -> None:
        self._unit, self._kind = unit, kind
        self._perform, self._gave_up = perform, gave_up
        self._at_once, self._attempts_max = at_once, attempts_max
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; what runs then may end within three seconds, or is given back and may be done at once."""
        try:
            await _forever(self._unit, self._kind, self.round)
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=STOP_SECONDS_MAX)
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def round(self) -> bool:
        """Start what is due and fits; True if something was started."""
        free = self._at_once - len(self._running)
        claimed = (
            await _claim_unless_stopped(self._unit.pool, self._kind, free, EFFECT_LEASE_SECONDS)
            if free
            else []
        )
        for due in claimed:
            task = asyncio.create_task(self._do(due))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(claimed) > 0

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._unit.wakeups.of(self._kind).set()

    async def _do(self, due: Due) -> None:
        """Whatever fails, the effect, which looks before it acts, comes again: at once, after a pause or its lease."""
        try:
            try:
                await self._try(due)
            except Exception as error:
                if is_world_away(error):
                    raise
                log.exception("effect_not_recorded", name=due.name, stream=due.stream_id)
                metrics.EFFECTS.labels(self._kind, "failed").inc()
                await _postpone(self._unit, _AGAIN, due, NOT_RECORDED_SECONDS)
        except Exception as error:
            if not is_world_away(error):
                raise
            log.warning("effect_waits_for_database", name=due.name)
        except asyncio.CancelledError:
            await give_back(self._unit.pool, [due])
            raise

    async def _try(self, due: Due) -> None:
        unit = self._unit
        async with unit.pool.acquire() as connection:
            streams = await load(connection, unit.definition, unit.codec, [due.stream_id])
        state = streams[due.stream_id].state
        try:
            reached("before_effect")
            async with asyncio.timeout(EFFECT_SECONDS_MAX):
                work = await self._perform(due, state)
            reached("after_effect")
        except TryLater as later:
            await self._failed(due, later.reason, later.after_seconds)
            return
        except GiveUp as given_up:
            await self._failed(due, given_up.reason, None, finally_=True)
            return
        except Exception as error:
            if is_world_away(error) and isinstance(error, asyncpg.PostgresError):
                raise
            log.warning("effect_failed", name=due.name, stream=due.stream_id, exc_info=True)
            await self._failed(due, "timed_out" if isinstance(error, TimeoutError) else "error", None)  # fmt: skip
            return
        held = await complete(unit, [(due, work)], at_due_instant=False)
        metrics.EFFECTS.labels(self._kind, "done" if held else "lease_lost").inc()

    async def _failed(
        self, due: Due, reason: str, after_seconds: float | None, *, finally_: bool = False
    ) -> None:
        metrics.EFFECTS.labels(self._kind, "failed").inc()
        log.info("effect_postponed", name=due.name, reason=reason, attempts=due.attempts + 1)
        limit = self._attempts_max
        if finally_ or (limit is not None and due.attempts + 1 >= limit):
            await complete(self._unit, [(due, self._gave_up(due, reason))], at_due_instant=False)
        else:
            await _postpone(self._unit, _AGAIN, due, after_seconds or _pause(due.attempts))


def _pause(attempts: int) -> float:
    return backoff(attempts, first=1.0, most=BACKOFF_SECONDS_MAX)


async def _postpone(unit: UnitOfWork[C, S, E], how: str, due: Due, seconds: float) -> None:
    reached("before_postponement")
    await unit.pool.execute(how, due.stream_id, due.name, due.token, seconds)
    reached("after_postponement")


async def _forever(
    unit: UnitOfWork[C, S, E], kind: str, one_round: Callable[[], Awaitable[bool]]
) -> None:
    wakeup, failures = unit.wakeups.of(kind), 0
    while True:
        wakeup.clear()
        try:
            more = await one_round()
            failures = 0
        except Exception as error:
            if not is_world_away(error):
                raise
            log.warning("scheduler_waits_for_database", kind=kind, error=type(error).__name__)
            await asyncio.sleep(backoff(failures, first=1.0, most=10.0))
            failures += 1
            continue
        if not more:
            try:  # wait_for of Python 3.11 forgets a cancellation that comes with the wakeup
                async with asyncio.timeout(POLL_SECONDS):
                    await wakeup.wait()
            except TimeoutError:
                continue
