"""Which statement of the product is which: found by what its text says, once per text.

A text that nobody here knows stops the run and is named: whoever adds a statement to shared/ adds its meaning here.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tests.chaos.simulation import statements_of_blocked as blocked
from tests.chaos.simulation import statements_of_messaging as messaging
from tests.chaos.simulation import statements_of_people as people
from tests.chaos.simulation import statements_of_scheduling as scheduling
from tests.chaos.simulation import statements_of_store as store
from tests.chaos.simulation.connection import Session, Statement
from tests.chaos.simulation.database import Transaction

_KNOWN = (
    ("with c0 as (", "append", store.save),
    ("with t as materialized", "load", store.load_one),
    ("as now, calendar from c", "begin", store.begin),
    ("from events where stream_id = any", "load streams", store.load_streams),
    ("insert into numbers", "take number", store.take_number),
    ("update numbers set last = last - 1", "give number back", store.give_number_back),
    ("with claimed as", "claim", scheduling.claim),
    ("delete from scheduled", "done", scheduling.done),
    ("as left_off(stream_id, name)", "give back", scheduling.give_back),
    ("lease_token = null, lease_until = null\nwhere", "again", scheduling.again),
    ("lease_until = datacloud_now() + $4", "not now", scheduling.not_now),
    ("pg_advisory_xact_lock", "partition lock", messaging.lock_partitions),
    ("pg_try_advisory_lock", "leader lock", messaging.try_leader_lock),
    ("join marks m on m.subscription = $1", "load marks", messaging.load_marks),
    ("insert into marks", "move marks", messaging.move_marks),
    ("with gone as (delete from outbox", "outbox delete", messaging.said),
    ("insert into offsets", "store offsets", messaging.store_offsets),
    ("select topic, partition, next from offsets", "read offsets", messaging.read_offsets),
    ("from (select * from outbox", "outbox read", messaging.read_outbox),
    ("select b.* from blocked b join unnest", "load blocked", blocked.blocked_of_streams),
    ("with kept as (", "copied places", blocked.kept_at),
    ('select b.topic, b.partition, b."offset"', "known places", blocked.stored_places),
    ("from blocked b join marks m", "blocked heads", blocked.blocked_heads),
    ("delete from blocked where id = any", "blocked delete", blocked.delete_blocked),
    ("select topic, '', 'blocked', ref", "mirror", blocked.mirror),
    ("from blocked where id = any", "dead letters", blocked.blocked_by_ids),
    ("insert into blocked", "blocked insert", blocked.insert_blocked),
    ("update blocked set reason", "blocked parked", blocked.mark_parked),
    ("insert into persons (person_id, data)\nselect", "copy persons", people.copy_persons),
    ("insert into texts (text_id, person_id, body)\nselect", "copy texts", people.copy_texts),
    ("delete from persons", "delete persons", people.delete_persons),
    ("delete from texts", "delete texts", people.delete_texts),
    ("select data from persons", "find person", people.find_person),
    ("select body from texts", "find text", people.find_text),
    ("select bytes from letters", "find letter", people.find_letter),
    ("select 1 from forgotten", "is forgotten", people.is_forgotten),
    ("select datacloud_now()", "clock", people.clock),
)


class UnknownStatement(Exception):  # noqa: N818 - what is missing here
    """The product has a statement that the simulation does not know."""


@lru_cache(maxsize=2048)
def find(query: str) -> Statement:
    """The meaning of this text."""
    for words, name, meaning in _KNOWN:
        if words in query:

            async def execute(
                session: Session,
                transaction: Transaction,
                args: Sequence[Any],
                meaning: Any = meaning,  # noqa: ANN401 - one of the functions above
            ) -> Any:  # noqa: ANN401 - rows or nothing
                return await meaning(session, transaction, query, args)

            return Statement(name, execute)
    raise UnknownStatement(query)
