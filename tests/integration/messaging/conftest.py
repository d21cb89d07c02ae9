"""A fresh database and a fresh topic for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bus import Bus, bus
from tests.support.ledger import Ledger, ledger
from tests.support.servers import Databases


@pytest.fixture
def dsn(databases: Databases) -> str:
    """The address of the service's login role."""
    return databases.make("complaints")


@pytest.fixture
def owner_dsn(databases: Databases, dsn: str) -> str:
    """The address of the role that owns the tables."""
    return databases.dsn(dsn.rsplit("/", 1)[1], "complaints_owner")


@pytest.fixture
async def unit(dsn: str, owner_dsn: str) -> AsyncIterator[Ledger]:
    """The service that takes in."""
    async with ledger(dsn, owner_dsn) as unit:
        yield unit


@pytest.fixture
async def topic(kafka: str) -> AsyncIterator[Bus]:
    """A topic nobody else uses."""
    async with bus(kafka) as own:
        yield own
