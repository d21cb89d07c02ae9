"""One running system for all journeys; nobody looks inside it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.system import People, System, people, running_system


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
async def everybody(system: System) -> AsyncIterator[People]:
    async with people(system) as present:
        yield present
