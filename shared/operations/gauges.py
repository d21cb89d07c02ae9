"""How much waits, and where, read from the database for whoever watches /metrics."""

import asyncio

import structlog

from shared.event_sourcing.database import Pool, is_world_away
from shared.operations import metrics

GAUGE_SECONDS = 10.0
BLOCKED_ALARM_SECONDS = 300.0

_BLOCKED = """
select subscription, count(distinct (topic, stream)) as streams,
    extract(epoch from clock_timestamp() - min(since))::float8 as oldest_seconds
from blocked where stream is not null and reason is distinct from 'conflict' group by subscription
"""
_BACKLOG = """
select kind, count(*) as entries from scheduled where due_at <= datacloud_now() group by kind
"""

log = structlog.get_logger(__name__)


async def keep_gauges(service: str, pool: Pool) -> None:
    """Every ten seconds; a subscription whose streams wait for more than five minutes is told of once."""
    told: set[str] = set()
    while True:
        try:
            long = await read_gauges(service, pool)
        except Exception as error:
            if not is_world_away(error):
                raise
        else:
            for subscription in long - told:
                log.error("streams_blocked_long", subscription=subscription)
            told = long
        await asyncio.sleep(GAUGE_SECONDS)


async def read_gauges(service: str, pool: Pool) -> set[str]:
    """Set every gauge, also those of which nothing is left; answers which subscriptions have waited too long."""
    depth = await pool.fetchval("select count(*) from outbox")
    backlog, blocked = await pool.fetch(_BACKLOG), await pool.fetch(_BLOCKED)
    metrics.OUTBOX_DEPTH.labels(service).set(depth)
    for gauge in (metrics.SCHEDULED_BACKLOG, metrics.BLOCKED_STREAMS, metrics.BLOCKED_SECONDS):
        gauge.clear()
    for row in backlog:
        metrics.SCHEDULED_BACKLOG.labels(row["kind"]).set(row["entries"])
    for row in blocked:
        metrics.BLOCKED_STREAMS.labels(row["subscription"]).set(row["streams"])
        metrics.BLOCKED_SECONDS.labels(row["subscription"]).set(row["oldest_seconds"])
    return {row["subscription"] for row in blocked if row["oldest_seconds"] > BLOCKED_ALARM_SECONDS}
