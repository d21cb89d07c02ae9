"""The faults of one run, drawn from its seed: how often what breaks, which records are poison, which code fails.

Swarm testing: each run has only some kinds of faults, so that none hides behind another.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.registry import Fact
from shared.event_sourcing.decider import To
from tests.chaos.evidence import COMPACTED
from tests.chaos.simulation.house import React
from tests.chaos.simulation.log import Headers, Log, Partition
from tests.chaos.simulation.machine import Machine, Weather
from tests.chaos.world import Place

WORST = Weather(
    kill=0.006,
    freeze=0.0012,
    cut=0.008,
    slow=0.05,
    kafka_refuses=0.1,
    ack_lost=0.1,
    offsets_lost=0.3,
    rewind=0.05,
    rebalance=0.05,
    stall=0.05,
    poison=0.06,
    our_code_fails=0.02,
    mail_fails=0.15,
    platform_fails=0.06,
    answer_lost=0.1,
    clock_jump=1.0,
    database_restarts=0.5,
    kafka_away=0.5,
)


AIMS = (
    ("", 0.0, 0.0),
    *(
        (name, *often)
        for name in (
            "append", "commit", "claim", "done", "publish", "outbox delete", "offset commit", "move marks",
            "blocked insert", "mail", "POST", "PATCH", "begin", "load streams", "leader lock", "again", "find letter",
        )
        for often in ((0.1, 0.0), (0.0, 0.25))
    ),
)  # fmt: skip
"""One kind of point in a run, and how often who passes it is killed there, or frozen beyond its lease."""


def swarm(chance: random.Random) -> Weather:
    """Each kind absent, mild or at its worst."""
    rates = {
        each.name: getattr(WORST, each.name) * chance.choice((0.0, 0.0, 0.3, 1.0))
        for each in fields(WORST)
        if each.name != "aim"
    }
    return Weather(aim=chance.choice(AIMS), **rates)


@dataclass
class Poison:
    """Puts bad records before good ones; remembers where, for the checker."""

    machine: Machine
    places: set[Place] = field(default_factory=set)
    log: Log | None = None

    def spoil(
        self, place: Partition, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        """Perhaps."""
        if place[0].endswith(".dlq") or not self.machine.inject(
            "poison", self.machine.weather.poison
        ):
            return
        chance = self.machine.chance
        if place[0] in COMPACTED:
            self._put(place, key, b"{", headers)
            return
        match chance.randrange(5):
            case 0:  # no stream can be read from it
                self._put(place, None, chance.randbytes(8), (("ce_id", b"\xff"),))
            case 1:  # the good one's number, and nobody can read it: the good one replaces it
                self._put(place, key, (value or b"")[:-1], headers)
            case 2:  # a header that is null
                self._put(
                    place, key, value, [(n, None if n == "ce_time" else v) for n, v in headers]
                )
            case 3:  # another fact under a number that was taken before
                self._put(place, key, value, self._again(headers))
            case _:  # a stream of its own: the first is bad, the second waits behind it
                self._foreign(place, value, headers)

    def _again(self, headers: Headers) -> Headers:
        number = int(dict(headers)["ce_sequence"] or b"1")
        fresh = {"ce_id": self._uuid(), "ce_sequence": str(max(number - 1, 0)).encode()}
        return [(name, fresh.get(name, said)) for name, said in headers]

    def _foreign(self, place: Partition, value: bytes | None, headers: Headers) -> None:
        stream = self._uuid()
        for number, content in (("1", b"[]"), ("2", value)):
            fresh = {"ce_id": self._uuid(), "ce_sequence": number.encode(), "ce_subject": stream}
            self._put(place, stream, content, [(n, fresh.get(n, said)) for n, said in headers])

    def _uuid(self) -> bytes:
        return str(UUID(int=self.machine.chance.getrandbits(128), version=4)).encode()

    def _put(
        self, place: Partition, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        assert self.log is not None
        self.places.add((*place, self.log.append(place, key, value, headers)))


@dataclass
class BadCode:
    """Our own code fails on some streams, until somebody mends it."""

    machine: Machine
    failing: set[tuple[str, str]] = field(default_factory=set)

    def around(self, name: str, react: React) -> React:
        """The reaction, as it behaves in bad weather."""

        def sometimes(fact: Fact, at: datetime) -> Iterable[To[Any]]:
            stream = (name, _stream(fact))
            if self.machine.inject("our code fails", self.machine.weather.our_code_fails):
                self.failing.add(stream)
            if stream in self.failing:
                raise ArithmeticError("our own fault")
            return react(fact, at)

        return sometimes


def _stream(fact: Fact) -> str:
    subject = getattr(fact, "subject", None)
    return str(subject.subject_id if subject is not None else getattr(fact, "request_id", ""))
