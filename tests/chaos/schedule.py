"""All faults there are, dealt like cards: in a seed's order each kind comes up before any comes up again."""

import random
from collections.abc import Iterator, Mapping

from tests.chaos.fault import Fault, Make
from tests.chaos.faults import (
    clock,
    cut,
    delay,
    disk_full,
    duplicates,
    freeze,
    half_open,
    kill,
    mail_server,
    platform,
    poison,
    rebalance,
    reply_dropped,
    restart,
)

KINDS: Mapping[str, Make] = {
    **kill.KINDS,
    **restart.KINDS,
    **freeze.KINDS,
    **cut.KINDS,
    **half_open.KINDS,
    **delay.KINDS,
    **reply_dropped.KINDS,
    **rebalance.KINDS,
    **duplicates.KINDS,
    **poison.KINDS,
    **mail_server.KINDS,
    **platform.KINDS,
    **disk_full.KINDS,
    **clock.KINDS,
}


def schedule(seed: int) -> Iterator[Fault]:
    """Without end."""
    chance = random.Random(f"faults of {seed}")  # noqa: S311 - to be repeated, not to be secret
    while True:
        kinds = sorted(KINDS)
        chance.shuffle(kinds)
        for kind in kinds:
            yield KINDS[kind](random.Random(chance.getrandbits(64)))  # noqa: S311 - likewise
