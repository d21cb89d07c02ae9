"""The offices of this folder's tests; each service has one database for all of them."""

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.abuse.offices import OPENERS, Office
from tests.support.servers import Databases


@pytest.fixture(scope="session")
def addresses(databases: Databases) -> Mapping[str, str]:
    """A database for each of the services."""
    return {name: databases.make(name) for name in OPENERS}


@pytest.fixture
async def office(
    request: pytest.FixtureRequest, addresses: Mapping[str, str]
) -> AsyncIterator[Office]:
    """The one a case names."""
    async with OPENERS[request.param](addresses[request.param]) as office:
        yield office


@pytest.fixture
def fresh(request: pytest.FixtureRequest, databases: Databases) -> str:
    """A database for one test, which changes what others rely on; of the service a case names."""
    return databases.make(request.param)
