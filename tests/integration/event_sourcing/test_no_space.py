"""A database whose disk is full: nothing is half written, the caller is told to come again, then all goes on (P1)."""

import asyncpg
import pytest

from shared.event_sourcing.outcomes import Unavailable
from tests.support.ledger import Happened, Ledger, count, do, history

TOLD = Happened("told", tell=True)
FULL = """
create function no_space() returns trigger language plpgsql as
$$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
create trigger no_space before insert on outbox execute function no_space();
"""


async def test_a_database_without_space_is_an_outcome_and_nothing_is_half_written(
    unit: Ledger, owner_dsn: str
) -> None:
    await do(unit, "s", TOLD)
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute(FULL)
    with pytest.raises(Unavailable):
        await do(unit, "s", Happened("noted"), TOLD)
    assert len(await history(unit.pool, "s")) == await count(unit.pool, "outbox") == 1
    await owner.execute("drop trigger no_space on outbox")
    await owner.close()
    await do(unit, "s", TOLD)
    rows = await history(unit.pool, "s")
    assert [row["published"] for row in rows] == [1, 2]
