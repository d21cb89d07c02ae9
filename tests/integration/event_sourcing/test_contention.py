"""Deadlocks, serialization failures, lock timeouts in a row: tried again within bounds, told as 503, never as 500."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from shared.event_sourcing.outcomes import Unavailable
from shared.event_sourcing.unit_of_work import ATTEMPTS_MAX
from tests.support.ledger import Happened, Ledger, count, do, history

STREAMS, WRITERS, EACH = 64, 2, 3
STORM = """
create sequence appends;
grant usage on sequence appends to public;
create function storm() returns trigger language plpgsql as $$
begin
    perform nextval('appends');
    if random() < {share} then
        raise exception 'injected' using errcode = ({codes})[1 + floor(random() * {number})::integer];
    end if;
    return new;
end $$;
create trigger storm before insert on events for each row execute function storm();
"""


async def storm(owner_dsn: str, share: float, *codes: str) -> None:
    """From now on so many appends fail with one of these."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        quoted = ", ".join(f"'{code}'" for code in codes)
        told = STORM.format(share=share, codes=f"array[{quoted}]", number=len(codes))
        await owner.execute(told)
    finally:
        await owner.close()


async def appends(owner_dsn: str) -> int:
    """How often it was tried, whatever came of it."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        return int(await owner.fetchval("select last_value from appends"))
    finally:
        await owner.close()


async def written(unit: Ledger) -> Counter[str]:
    """What callers were told, of two writers to each of 64 streams at once."""

    async def write(stream: str, what: str) -> str:
        try:
            await do(unit, stream, Happened(what))
        except Unavailable:
            return "come again"
        return "done"

    async def writer(number: int, stream: str) -> list[str]:
        return [await write(stream, f"{number}.{each}") for each in range(EACH)]

    writers = [writer(n, f"s{each}") for each in range(STREAMS) for n in range(WRITERS)]
    return Counter(told for each in await asyncio.gather(*writers) for told in each)


async def test_a_storm_of_deadlocks_is_waited_out_by_two_writers_to_each_of_64_streams(
    unit: Ledger, owner_dsn: str
) -> None:
    await storm(owner_dsn, 0.5, "40P01", "40001")
    assert await written(unit) == {"done": STREAMS * WRITERS * EACH}
    for each in range(STREAMS):
        rows = await history(unit.pool, f"s{each}")
        assert [row["version"] for row in rows] == [*range(1, WRITERS * EACH + 1)]
    tried = await appends(owner_dsn)
    assert tried < 8 * STREAMS * WRITERS * EACH, "each some times, not without end"


@pytest.mark.parametrize("code", ["40P01", "40001"])
async def test_a_command_that_never_gets_through_is_given_up_after_so_many_attempts(
    unit: Ledger, owner_dsn: str, code: str
) -> None:
    await storm(owner_dsn, 1.0, code)
    with pytest.raises(Unavailable):
        await do(unit, "s", Happened("never"))
    assert (await count(unit.pool, "events"), await appends(owner_dsn)) == (0, ATTEMPTS_MAX)


async def test_a_lock_that_is_not_given_in_time_is_told_at_once(
    unit: Ledger, owner_dsn: str
) -> None:
    await storm(owner_dsn, 0.3, "55P03")
    told = await written(unit)
    assert told.keys() == {"done", "come again"}
    assert await count(unit.pool, "events") == told["done"]
    assert await appends(owner_dsn) >= told.total()
