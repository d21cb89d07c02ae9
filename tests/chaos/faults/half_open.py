"""Half-open: connections stand, new ones are taken, and not a byte passes; a partition that drops in silence."""

import random

from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire, some_routes
from tests.chaos.proxied_stack import ROUTES
from tests.chaos.trouble import Trouble


def half_open(chance: random.Random, server: str) -> Wire:
    routes = [route for route in ROUTES if route[1] == server]
    seconds = chance.uniform(3, 14)
    return Wire(f"half-open {server}", some_routes(chance, routes), seconds, Trouble(silent=True))


def kafka(chance: random.Random) -> Wire:
    return half_open(chance, "kafka")


def postgres(chance: random.Random) -> Wire:
    return half_open(chance, "postgres")


KINDS: dict[str, Make] = {"half-open kafka": kafka, "half-open postgres": postgres}
