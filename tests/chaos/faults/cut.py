"""Cut: every connection is reset, new ones are refused for a while."""

import random

from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire, some_routes
from tests.chaos.proxied_stack import ROUTES
from tests.chaos.trouble import Trouble


def cut(chance: random.Random, *, server: str) -> Wire:
    routes = [route for route in ROUTES if route[1] == server]
    seconds = chance.uniform(0.1, 8)
    return Wire(f"cut {server}", some_routes(chance, routes), seconds, Trouble(refuse=True))


def kafka(chance: random.Random) -> Wire:
    return cut(chance, server="kafka")


def postgres(chance: random.Random) -> Wire:
    return cut(chance, server="postgres")


def front_door(chance: random.Random) -> Wire:
    return cut(chance, server="front_door")


KINDS: dict[str, Make] = {
    "cut kafka": kafka,
    "cut postgres": postgres,
    "cut front_door": front_door,
}
