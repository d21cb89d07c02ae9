"""Topics come from the table alone, on a real broker; one that differs is told and never touched."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError
from typer.testing import CliRunner

from deploy.local.children import free_port
from shared.contracts.topics import PEOPLE, REQUESTS
from shared.messaging import topics_admin
from shared.messaging.cli import topics
from shared.messaging.topics_admin import EVERY
from tests.support.servers import docker_kafka, embedded_kafka

NAMES = {topic.name for topic in EVERY}


@pytest.fixture(scope="module")
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A broker of this module's own: every test begins without a topic."""
    in_docker = request.config.getoption("--stack") == "docker"
    with docker_kafka() if in_docker else embedded_kafka(tmp_path_factory.mktemp("topics")) as own:
        yield own


async def there_are(client: AIOKafkaAdminClient, names: set[str]) -> None:
    while set(await client.list_topics()) != names:  # noqa: ASYNC110 - a broker does not call back
        await asyncio.sleep(0.05)


async def create(client: AIOKafkaAdminClient, *new: NewTopic) -> None:
    await client.create_topics(list(new))
    await there_are(client, {topic.name for topic in new})


@pytest.fixture
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A broker without topics."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    if found := await client.list_topics():
        await client.delete_topics(found)
    await there_are(client, set())
    yield client
    await client.close()


async def test_a_topic_that_is_missing_is_named(bootstrap: str, admin: AIOKafkaAdminClient) -> None:
    assert await topics_admin.check(bootstrap) == [f"{topic.name}: missing" for topic in EVERY]
    assert await topics_admin.check(bootstrap, [PEOPLE.name]) == [f"{PEOPLE.name}: missing"]
    assert await admin.list_topics() == []


async def test_what_was_applied_agrees_with_the_table(
    bootstrap: str, admin: AIOKafkaAdminClient
) -> None:
    done = await topics_admin.apply(bootstrap)
    assert done == [f"{topic.name}: created, 6 partitions, 1 replicas" for topic in EVERY]
    assert await topics_admin.check(bootstrap) == []
    assert set(await admin.list_topics()) == NAMES


async def test_applying_twice_does_nothing_more(bootstrap: str, admin: AIOKafkaAdminClient) -> None:
    await topics_admin.apply(bootstrap)
    assert await topics_admin.apply(bootstrap) == []
    assert set(await admin.list_topics()) == NAMES


async def test_two_who_apply_at_once_both_succeed(
    bootstrap: str, admin: AIOKafkaAdminClient
) -> None:
    await asyncio.gather(*(topics_admin.apply(bootstrap) for _ in range(4)))
    assert set(await admin.list_topics()) == NAMES


async def test_a_dry_run_only_says_what_it_would_do(
    bootstrap: str, admin: AIOKafkaAdminClient
) -> None:
    said = await topics_admin.apply(bootstrap, dry_run=True)
    assert said[0] == f"{REQUESTS.name}: to be created, 6 partitions, 1 replicas"
    assert await admin.list_topics() == []


async def test_a_topic_with_other_partitions_or_settings_is_told_and_left_alone(
    bootstrap: str, admin: AIOKafkaAdminClient
) -> None:
    settings = {"max.message.bytes": "1000000", "cleanup.policy": "delete"}
    await create(
        admin,
        NewTopic(REQUESTS.name, 3, 1, topic_configs=dict(REQUESTS.config)),
        NewTopic(PEOPLE.name, 6, 1, topic_configs=settings),
    )
    differences = [
        f"{REQUESTS.name}: 3 partitions, must be 6",
        f"{PEOPLE.name}: max.message.bytes is 1000000, must be 2097152",
        f"{PEOPLE.name}: cleanup.policy is delete, must be compact",
        f"{PEOPLE.name}: max.compaction.lag.ms is 9223372036854775807, must be 86400000",
    ]
    assert await topics_admin.check(bootstrap, [REQUESTS.name, PEOPLE.name]) == differences
    done = await topics_admin.apply(bootstrap)
    assert done[-4:] == [f"{each} (left as it is)" for each in differences]
    assert len(done) == len(EVERY) - 2 + 4
    assert await topics_admin.check(bootstrap) == differences


async def test_a_deployer_may_allow_larger_messages(
    bootstrap: str, admin: AIOKafkaAdminClient
) -> None:
    larger = dict(REQUESTS.config) | {"max.message.bytes": "8388608"}
    await create(admin, NewTopic(REQUESTS.name, 6, 1, topic_configs=larger))
    assert await topics_admin.check(bootstrap, [REQUESTS.name]) == []


async def test_a_broker_that_is_away_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(KafkaConnectionError):
        await topics_admin.check(f"127.0.0.1:{free_port()}")


@pytest.mark.usefixtures("admin")
async def test_the_command_tells_differences_by_its_exit_code(bootstrap: str) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner(env={"DATACLOUD_KAFKA_BOOTSTRAP": bootstrap}).invoke(topics, arguments)
        return result.exit_code, result.stdout

    code, told = await asyncio.to_thread(run, "check", "--json")
    assert (code, len(json.loads(told))) == (1, len(EVERY))
    code, told = await asyncio.to_thread(run, "apply", "--json")
    assert (code, len(json.loads(told))) == (0, len(EVERY))
    assert await asyncio.to_thread(run, "check", "--json") == (0, "[]\n")
    assert await asyncio.to_thread(run, "check") == (0, "Semua topik sesuai.\n")


def test_the_command_says_that_the_broker_is_away() -> None:
    away = f"127.0.0.1:{free_port()}"
    result = CliRunner().invoke(topics, ["check", "--bootstrap", away])
    assert result.exit_code == 3
    assert result.stderr == f"Galat: Kafka di {away} tidak menjawab (KafkaConnectionError).\n"
