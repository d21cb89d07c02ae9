"""What waits is shown to whoever watches /metrics, as the database knows it."""

import asyncio

from prometheus_client import REGISTRY

from shared.operations.gauges import read_gauges
from tests.support.ledger import Ledger


def shown(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, labels)


async def test_what_waits_is_shown_and_what_has_gone_is_shown_no_more(unit: Ledger) -> None:
    await unit.pool.execute(
        """insert into blocked (subscription, topic, partition, "offset", stream, sequence, reason, headers, since)
        values ('a', 't', 0, 1, 's', 2, null, '', now() - interval '10 minutes'),
               ('a', 't', 0, 2, 's', 3, null, '', now()), ('b', 't', 0, 3, null, null, 'x', '', now())"""
    )
    await unit.pool.execute(
        """insert into scheduled values ('s', 'n', 'ring', now(), '', ''),
            ('s', 'm', 'ring', now() + interval '1 hour', '', '')"""
    )
    await unit.pool.execute(
        "insert into outbox (topic, key, source, ref) values ('t', 's', 'event', 1)"
    )
    await asyncio.sleep(0.01)
    assert await read_gauges("ledger", unit.pool) == {"a"}, "b blocks nobody"
    assert shown("datacloud_blocked_streams", subscription="a") == 1
    assert (shown("datacloud_blocked_oldest_seconds", subscription="a") or 0) >= 600
    assert shown("datacloud_blocked_streams", subscription="b") is None
    assert shown("datacloud_scheduled_backlog", kind="ring") == 1
    assert shown("datacloud_outbox_depth", service="ledger") == 1
    for table in ("blocked", "scheduled", "outbox"):
        await unit.pool.execute(f"delete from {table}")  # noqa: S608 - three tables of ours
    assert await read_gauges("ledger", unit.pool) == set()
    assert shown("datacloud_blocked_streams", subscription="a") is None
    assert shown("datacloud_scheduled_backlog", kind="ring") is None
    assert shown("datacloud_outbox_depth", service="ledger") == 0
