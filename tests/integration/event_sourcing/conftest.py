"""A fresh, migrated database for each test, and the smallest service on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.ledger import Ledger, ledger
from tests.support.servers import Databases, embedded_databases

DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session", params=["newest", pytest.param("debian", marks=pytest.mark.slow)])
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """The newest PostgreSQL and, in `make test-all`, the older one that Debian ships."""
    if request.param == "newest":
        yield request.getfixturevalue("shared_databases")
        return
    found = sorted(DEBIAN.glob("*/bin/postgres"))
    if not found:
        pytest.skip(f"there is no PostgreSQL in {DEBIAN}: apt-get install postgresql")
    with embedded_databases(tmp_path_factory.mktemp("debian"), found[0].parent) as server:
        yield server


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
    """The service."""
    async with ledger(dsn, owner_dsn) as unit:
        yield unit
