"""One winner per version, one holder per name, no gap in a register, one answer per key (P1, P3, P9)."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import KeyReused, Refused, Unavailable
from shared.event_sourcing.store import Upsert
from shared.event_sourcing.unit_of_work import Idempotency, UnitOfWork, Work
from tests.support.ledger import (
    DEFINITION,
    Do,
    Happened,
    Ledger,
    context,
    count,
    do,
    history,
    work,
)
from tests.support.servers import Databases

ONE = Happened("one", tell=True)


async def outcome(unit: Ledger, work_: Work[Do]) -> str:
    """What came of it, in a word."""
    try:
        handled = await unit.handle(work_, context())
    except Refused as refused:
        return refused.code
    except KeyReused:
        return "key_reused"
    return "repeated" if handled.repeated else "done"


async def test_of_64_commands_on_one_version_one_wins_and_all_others_are_told(unit: Ledger) -> None:
    for version in range(3):
        works = [work("s", Happened(f"try {each}"), expected=version) for each in range(64)]
        outcomes = Counter(await asyncio.gather(*(outcome(unit, each) for each in works)))
        assert outcomes == {"done": 1, "stale": 63}
    assert [row["version"] for row in await history(unit.pool, "s")] == [1, 2, 3]


async def test_64_commands_that_do_not_mind_each_other_all_happen_one_after_the_other(
    unit: Ledger,
) -> None:
    works = [work("s", Happened(f"thing {each}", tell=True)) for each in range(64)]
    assert set(await asyncio.gather(*(outcome(unit, each) for each in works))) == {"done"}
    rows = await history(unit.pool, "s")
    assert [row["version"] for row in rows] == list(range(1, 65))
    assert [row["published"] for row in rows] == list(range(1, 65))


async def test_a_name_wanted_by_many_streams_at_once_goes_to_one(unit: Ledger) -> None:
    works = [work(f"s{each}", Happened("mine", reserve="BAPPEDA")) for each in range(32)]
    outcomes = Counter(await asyncio.gather(*(outcome(unit, each) for each in works)))
    assert outcomes == {"done": 1, "name_reserved": 31}
    holder = await unit.pool.fetchval("select stream_id from reserved where name = 'BAPPEDA'")
    assert [row["stream_id"] for row in await unit.pool.fetch("select * from events")] == [holder]


async def test_a_name_given_back_can_be_taken_by_another_and_only_by_its_holder_given_back(
    unit: Ledger,
) -> None:
    await do(unit, "a", Happened("mine", reserve="BAPPEDA"))
    await do(unit, "b", Happened("not mine", free="BAPPEDA"))
    assert await outcome(unit, work("b", Happened("mine", reserve="BAPPEDA"))) == "name_reserved"
    await do(unit, "a", Happened("done", free="BAPPEDA"))
    assert await outcome(unit, work("b", Happened("mine", reserve="BAPPEDA"))) == "done"


# --------------------------------------------------------------------------------------------- registers


def numbered(stream_id: str, *, refuse: str | None = None) -> Work[Do]:
    """A filing that notes the number it was given."""
    return Work(
        stream_id,
        lambda given: Do((Happened("{1}-{0:06d}".format(*given.taken())),), refuse=refuse),
        number_series="DC",
    )


async def test_a_register_has_no_gap_whatever_is_refused_in_between(unit: Ledger) -> None:
    works = [numbered(f"s{each}", refuse="no" if each % 3 == 0 else None) for each in range(60)]
    outcomes = Counter(await asyncio.gather(*(outcome(unit, each) for each in works)))
    assert outcomes == {"done": 40, "no": 20}
    year = datetime.now(UTC).year
    given = [row["last"] for row in await unit.pool.fetch("select last from notes")]
    assert sorted(given) == [f"{year}-{number:06d}" for number in range(1, 41)]


async def test_a_filing_that_was_made_before_or_that_comes_to_nothing_takes_no_number(
    unit: Ledger,
) -> None:
    again = replace(numbered("s"), idempotency=Idempotency("k", "b"))
    pointless = Work("p", lambda _: Do(()), number_series="DC")
    assert [await outcome(unit, each) for each in (again, again, pointless)] == [
        "done",
        "repeated",
        "done",
    ]
    assert (await unit.handle(numbered("t"), context())).state[0].endswith("-000002")


async def test_a_number_whose_filing_loses_its_connection_is_given_to_the_next(
    unit: Ledger,
) -> None:
    def cut(given: Given) -> Do:
        number, _ = given.taken()
        assert number == 1
        raise ConnectionAbortedError  # as asyncpg says it of a connection that is gone

    with pytest.raises(Unavailable):
        await unit.handle(replace(numbered("s"), command=cut), context())
    handled = await unit.handle(numbered("s"), context())
    assert handled.state[0].endswith("-000001")


@pytest.fixture
def new_years_eve(databases: Databases) -> str:
    """A database whose clock says 17:30 UTC of the last day of the year: at the office it is next year."""
    last = datetime(2026, 12, 31, 17, 30, tzinfo=UTC) - datetime.now(UTC)
    return databases.make("complaints", clock_shift=f"{last.total_seconds()} seconds")


async def test_the_year_of_a_number_is_the_year_at_the_office(new_years_eve: str) -> None:
    pool = await asyncpg.create_pool(new_years_eve, min_size=1)
    plain: Ledger = UnitOfWork(pool, replace(DEFINITION, rows=lambda *_: ()))
    handled = await plain.handle(numbered("s"), context())
    await pool.close()
    assert handled.state == ("2027-000001",)
    assert handled.at.year == 2026


# ------------------------------------------------------------------------------------------- idempotency


def keyed(key: str, body: str, stream_id: str = "s") -> Work[Do]:
    return replace(work(stream_id, ONE), idempotency=Idempotency(key, body))


async def test_the_same_key_and_body_give_the_first_answer_and_happen_once(unit: Ledger) -> None:
    assert await outcome(unit, keyed("k", "b")) == "done"
    assert await outcome(unit, keyed("k", "b")) == "repeated"
    assert await outcome(unit, keyed("k2", "b")) == "done"
    assert len(await history(unit.pool, "s")) == 2


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(unit: Ledger) -> None:
    await outcome(unit, keyed("k", "b"))
    assert await outcome(unit, keyed("k", "another")) == "key_reused"
    assert len(await history(unit.pool, "s")) == 1


async def test_a_key_sent_many_times_at_once_happens_once(unit: Ledger) -> None:
    outcomes = Counter(await asyncio.gather(*(outcome(unit, keyed("k", "b")) for _ in range(32))))
    assert outcomes == {"done": 1, "repeated": 31}
    assert await count(unit.pool, "outbox") == 1


async def test_a_key_sent_many_times_at_once_is_not_told_that_its_own_name_is_taken(
    unit: Ledger,
) -> None:
    filing = replace(numbered("s"), idempotency=Idempotency("k", "b"))
    reserving = replace(
        filing, command=lambda given: Do((Happened(str(given.taken()), reserve="BAPPEDA"),))
    )
    outcomes = Counter(await asyncio.gather(*(outcome(unit, reserving) for _ in range(32))))
    assert outcomes == {"done": 1, "repeated": 31}
    assert await unit.pool.fetchval("select last from numbers") == 1


# ------------------------------------------------------------------------------------- persons, time, world


async def test_a_command_that_lost_the_race_is_decided_again_with_the_time_it_came(
    unit: Ledger,
) -> None:
    times: dict[int, list[datetime]] = defaultdict(list)

    def asked(number: int) -> Work[Do]:
        def command(given: Given) -> Do:
            times[number].append(given.at)
            return Do((ONE,))

        return Work("s", command)

    await asyncio.gather(*(unit.handle(asked(number), context()) for number in range(32)))
    assert max(map(len, times.values())) > 1, "some lost a race"
    assert all(len(set(given)) == 1 for given in times.values())


async def test_what_a_person_sent_is_stored_with_the_event_or_not_at_all(unit: Ledger) -> None:
    row = Upsert("persons", {"person_id": context().correlation_id}, {"data": b"{}"})
    refused = Work("s", lambda _: Do((ONE,), refuse="no"), rows=(row,))
    pointless = Work("s", lambda _: Do(()), rows=(row,))
    assert (await outcome(unit, refused), await outcome(unit, pointless)) == ("no", "done")
    assert await count(unit.pool, "persons") == 0
    assert await outcome(unit, replace(work("s", ONE), rows=(row,))) == "done"
    assert await count(unit.pool, "persons") == 1


async def test_all_that_happens_in_a_case_belongs_to_the_conversation_that_opened_it(
    unit: Ledger,
) -> None:
    first = context()
    await unit.handle(keyed("k1", "b"), first)
    await unit.handle(keyed("k2", "b"), context())
    for row in await history(unit.pool, "s"):
        assert str(first.correlation_id) in row["metadata"].decode()


async def test_a_fact_too_large_for_the_topic_is_refused_before_it_is_stored(unit: Ledger) -> None:
    with pytest.raises(ValueError, match="larger than a topic takes"):
        await do(unit, "s", Happened("x" * 300_000, tell=True))
    assert await count(unit.pool, "events") == 0


async def test_a_database_that_is_away_is_an_outcome_and_no_failure(unit: Ledger) -> None:
    await unit.pool.close()
    with pytest.raises(Unavailable):
        await do(unit, "s", ONE)


async def test_an_amendment_of_the_calendar_waits_for_the_filings_under_way_and_they_for_it(
    unit: Ledger, owner_dsn: str
) -> None:
    """A filing either is seen by the amendment or uses the new calendar: none falls in between."""
    working: Ledger = UnitOfWork(unit.pool, replace(DEFINITION, uses_calendar=True))
    seen = Work("s", lambda given: Do((Happened(f"calendar {given.calendar_version}"),)))
    owner = await asyncpg.connect(owner_dsn)
    async with owner.transaction():
        await owner.execute("update calendar_version set version = 2")
        filing = asyncio.create_task(working.handle(seen, context()))
        await asyncio.sleep(0.2)
        assert not filing.done()
    assert (await filing).state == ("calendar 2",)
    await owner.close()
