"""Servers shared by all tests that need them; each is started when the first test asks for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.servers import (
    Databases,
    docker_databases,
    docker_kafka,
    embedded_databases,
    embedded_kafka,
)
from tests.support.system import People, System, people, running_system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", choices=("embedded", "docker"), default="embedded")


SYSTEM_SECONDS_MAX = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the whole system also starts it, and any may be the first."""
    for item in items:
        if isinstance(item, pytest.Function) and "system" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(SYSTEM_SECONDS_MAX), append=False)


@pytest.fixture(scope="session")
def shared_databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """A real PostgreSQL."""
    if request.config.getoption("--stack") == "docker":
        with docker_databases() as server:
            yield server
    else:
        with embedded_databases(tmp_path_factory.mktemp("postgres")) as server:
            yield server


@pytest.fixture(scope="session")
def databases(shared_databases: Databases) -> Databases:
    """The PostgreSQL of all tests that do not care which one it is."""
    return shared_databases


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A real Kafka; its bootstrap address."""
    if request.config.getoption("--stack") == "docker":
        with docker_kafka() as bootstrap:
            yield bootstrap
    else:
        with embedded_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
            yield bootstrap


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system, as `make run` starts it."""
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
async def everybody(system: System) -> AsyncIterator[People]:
    """Those who use it, at the front door. Nobody kills anything here, so no service may be away or at a loss."""
    async with people(system) as present:
        yield present
    assert not present.troubles
