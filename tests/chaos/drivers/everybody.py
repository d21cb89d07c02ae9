"""All drivers there are; to add one, add its line here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tests.chaos.drivers import complaints, requests
from tests.chaos.drivers.client import Client
from tests.chaos.drivers.driver import Driver, Worker

DRIVERS: Sequence[Driver] = (requests.DRIVER, complaints.DRIVER)

FILED: Mapping[str, tuple[str, str, str]] = {
    name: about for driver in DRIVERS for name, about in driver.filed.items()
}
ACTS: Mapping[str, tuple[str, str]] = {
    name: about for driver in DRIVERS for name, about in driver.acts.items()
}

C = TypeVar("C", bound=Client)


async def everybody(make: Callable[[str], C]) -> tuple[list[C], dict[Driver, Sequence[Worker]]]:
    """Their clients, each made under its name, and who works through them, by driver."""
    clients, workers = list[C](), dict[Driver, Sequence[Worker]]()
    for driver in DRIVERS:
        own = [make(f"{driver.name}-{n}") for n in range(driver.clients)]
        workers[driver] = await driver.begin(own)
        clients += own
    return clients, workers
