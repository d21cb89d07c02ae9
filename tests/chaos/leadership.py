"""One leader at a time, by what it does: who takes rows out of the outbox, and whether that session led when it did."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import asyncpg

from shared.messaging.relay import LEADER_LOCK

SHOWN_MAX = 5
# The database itself notes it, within the deletion: nobody has to look at the right moment.
_NOTE = f"""
create table acts (
    number bigint generated always as identity primary key, session text not null, led boolean not null
);
create function note_act() returns trigger language plpgsql security definer set search_path = public, pg_catalog as $$
begin
    insert into acts (session, led)
    select format('%s (%s)', current_setting('application_name'), pg_backend_pid()), exists (
        select from pg_locks as l where l.pid = pg_backend_pid() and l.locktype = 'advisory' and l.granted
            and l.objid = ({LEADER_LOCK}::bigint & 4294967295)::oid)
    where exists (select from gone);
    return null;
end $$;
create trigger note_act after delete on outbox referencing old table as gone
for each statement execute function note_act();
"""  # noqa: S608 - a number of ours


class Act(NamedTuple):
    """Rows were taken out by this session; `led`: it held the leader's lock in that moment."""

    session: str
    led: bool


async def note_acts(owner: str) -> None:
    """From now on; `owner` is the address of who owns the tables."""
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(_NOTE)
    finally:
        await connection.close()


async def read_acts(owner: str) -> Sequence[Act]:
    """In the order in which they happened."""
    connection = await asyncpg.connect(owner)
    try:
        rows = await connection.fetch("select session, led from acts order by number")
    finally:
        await connection.close()
    return [Act(*row) for row in rows]


def wrong_with_acts(acts: Sequence[Act]) -> Iterator[str]:
    """Whoever acts leads, and nobody acts again once another one has."""
    strangers = Counter(act.session for act in acts if not act.led)
    for session, times in strangers.most_common(SHOWN_MAX):
        yield f"{session} took rows out of the outbox {times} times without leading"
    seen, last = set[str](), ""
    for act in acts:
        if act.session != last and act.session in seen:
            yield f"{act.session} took rows out after {last} had"
            return
        seen.add(act.session)
        last = act.session
