"""Slow: every packet comes late, or only so many bytes a second pass."""

import random

from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire, some_routes
from tests.chaos.proxied_stack import ROUTES
from tests.chaos.trouble import Trouble

SERVERS = ("kafka", "postgres", "front_door")
SLOW = [route for route in ROUTES if route[1] in SERVERS]


def delay(chance: random.Random) -> Wire:
    seconds = chance.uniform(0.05, 0.6)
    details = f"by {seconds * 1000:.0f} ms"
    trouble = Trouble(delay_seconds=seconds)
    return Wire("delay", some_routes(chance, SLOW), chance.uniform(4, 10), trouble, details)


def throttle(chance: random.Random) -> Wire:
    pace = chance.choice((4_000, 20_000))
    details = f"{pace} bytes a second"
    trouble = Trouble(bytes_per_second=pace)
    return Wire("throttle", some_routes(chance, SLOW), chance.uniform(4, 10), trouble, details)


KINDS: dict[str, Make] = {"delay": delay, "throttle": throttle}
