"""The simulation can fail: each planted bug breaks the promise that it should, within some hundred schedules.

At this layer                                    | Only with real PostgreSQL and Kafka
-------------------------------------------------|---------------------------------------------------------------
mark not checked; moved outside the transaction  | the SQL itself: a wrong join, a missing index, a bad plan
held records dropped; parked successors applied  | what a broker does: retention, compaction, lost tails, elections
offsets committed before the transaction         | aiokafka's own: rejoining, fetch positions, sequence errors
outbox row deleted before the ack                | what a real disk, socket and kernel do: full, half-open, fsync
relays without a leader, skipping locked rows    | SERIALIZABLE, real deadlocks' timing, statement time-outs
scheduled row deleted before its command commits | clocks of two machines that differ
lease not asked for; lease not checked           | HTTP: front door, forms, uploads, sign-in
deadline early by a day; fires as of now         | letters typeset, mails rendered
version check left out; number taken outside     | settings, migrations, rolling restarts of two versions
repeated key not recognised; mail without key    |
partitions not locked                            |
"""

import pytest

from tests.chaos.simulation import statements
from tests.chaos.simulation.bugs import BUGS
from tests.chaos.simulation.schedule import run

SCHEDULES_MAX = 300


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_breaks_its_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, promises, weather = BUGS[name]
    plant(monkeypatch)
    try:
        broken: set[str] = set()
        for seed in range(1, SCHEDULES_MAX + 1):
            broken |= {violation.promise for violation in run(seed, weather).violations}
            if broken & set(promises.split()):
                return
    finally:
        monkeypatch.undo()
        statements.find.cache_clear()
    pytest.fail(f"{SCHEDULES_MAX} schedules broke {sorted(broken) or 'nothing'}, not {promises}")
