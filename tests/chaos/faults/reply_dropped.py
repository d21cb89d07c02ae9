"""The server acts and its answer is lost with the connection: after so many bytes, or exactly at COMMIT."""

import random

from shared.operations.stack import SERVICES
from tests.chaos.fault import Make
from tests.chaos.faults.wire import Wire, some_routes
from tests.chaos.proxied_stack import ROUTES
from tests.chaos.trouble import Trouble

KINDS_OF_SERVER = ("kafka", "postgres", "front_door")


def after_bytes(chance: random.Random) -> Wire:
    most = int(10 ** chance.uniform(0, 4.5))
    routes = [route for route in ROUTES if route[1] in KINDS_OF_SERVER]
    details = f"after {most} bytes"
    trouble = Trouble(replies_bytes_max=most)
    return Wire(
        "reply dropped", some_routes(chance, routes), chance.uniform(1, 5), trouble, details
    )


def at_commit(chance: random.Random) -> Wire:
    """asyncpg commits with a message of this text."""
    times = chance.randint(1, 6)
    routes = [(service, "postgres") for service in SERVICES]
    details = f"{times} times on each"
    trouble = Trouble(lose_answer_to=b"COMMIT;", times=times * len(routes))
    return Wire("reply to COMMIT lost", routes, chance.uniform(3, 8), trouble, details)


KINDS: dict[str, Make] = {"reply dropped": after_bytes, "reply to COMMIT lost": at_commit}
