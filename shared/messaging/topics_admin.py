"""Makes the topics of the table on a broker, and says where a broker differs from it. Nothing else creates topics.

A topic that exists is never altered: with another partition count keys would move and order be lost (promise P4).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import DEAD_LETTERS, TOPICS, Topic

REQUEST_TIMEOUT_MS = 10_000
REPLICAS_MAX = 3
SEEN_AGAIN_SECONDS = 0.05

EVERY = TOPICS + DEAD_LETTERS
_AT_LEAST = "max.message.bytes"  # a deployer may allow more


async def apply(bootstrap: str, *, dry_run: bool = False) -> list[str]:
    """Create the topics that are missing; say what was done (or would be), and what differs and was left alone."""
    async with _admin(bootstrap) as admin:
        found = await _partitions(admin)
        missing = [topic for topic in EVERY if topic.name not in found]
        replicas = min(REPLICAS_MAX, len((await admin.describe_cluster())["brokers"]))
        if missing and not dry_run:
            await _create(admin, missing, replicas)
        verb = "to be created" if dry_run else "created"
        said = [
            f"{topic.name}: {verb}, {topic.partitions} partitions, {replicas} replicas"
            for topic in missing
        ]
        present = [topic for topic in EVERY if topic.name in found]
        return said + [
            f"{line} (left as it is)" for line in await _differences(admin, present, found)
        ]


async def check(bootstrap: str, names: Collection[str] | None = None) -> list[str]:
    """How these topics on the broker (or all of the table) differ from the table; empty if they do not."""
    wanted = [topic for topic in EVERY if names is None or topic.name in names]
    async with _admin(bootstrap) as admin:
        found = await _partitions(admin)
        missing = [f"{topic.name}: missing" for topic in wanted if topic.name not in found]
        present = [topic for topic in wanted if topic.name in found]
        return missing + await _differences(admin, present, found)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Raises aiokafka's KafkaConnectionError when no broker answers."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        client_id="datacloud.topics",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partition counts of all topics there are: asking for one by name may create it on a careless broker."""
    return {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}


async def _create(admin: AIOKafkaAdminClient, topics: Collection[Topic], replicas: int) -> None:
    in_sync = {"min.insync.replicas": str(max(1, replicas - 1))}  # acks=all survives one lost disk
    response = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                topic.partitions,
                replicas,
                topic_configs=dict(topic.config) | in_sync,
            )
            for topic in topics
        ]
    )
    for name, code, *_ in response.topic_errors:
        if code not in {0, TopicAlreadyExistsError.errno}:
            raise for_code(code)(name)
    await _seen(admin, {topic.name for topic in topics})


async def _seen(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """The controller's answer comes before the brokers know: who starts next must find the topics."""
    async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
        while not (await _partitions(admin)).keys() >= names:  # noqa: ASYNC110 - a broker does not call back
            await asyncio.sleep(SEEN_AGAIN_SECONDS)


async def _differences(
    admin: AIOKafkaAdminClient, topics: Collection[Topic], found: Mapping[str, int]
) -> list[str]:
    configs = await _configs(admin, [topic.name for topic in topics])
    differences = []
    for topic in topics:
        if found[topic.name] != topic.partitions:
            differences.append(
                f"{topic.name}: {found[topic.name]} partitions, must be {topic.partitions}"
            )
        differences += [
            f"{topic.name}: {setting} is {configs[topic.name].get(setting)}, must be {value}"
            for setting, value in topic.config.items()
            if not _satisfies(setting, configs[topic.name].get(setting), value)
        ]
    return differences


def _satisfies(setting: str, actual: str | None, wanted: str) -> bool:
    if setting == _AT_LEAST and actual is not None:
        return int(actual) >= int(wanted)
    return actual == wanted


async def _configs(
    admin: AIOKafkaAdminClient, names: Collection[str]
) -> dict[str, dict[str, str | None]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described: dict[str, dict[str, str | None]] = {}
    for response in await admin.describe_configs(resources):
        for resource in response.to_object()["resources"]:
            _raise_for(resource)
            described[resource["resource_name"]] = {
                entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
            }
    return described


def _raise_for(resource: Mapping[str, Any]) -> None:
    if resource["error_code"]:
        raise for_code(resource["error_code"])(resource["error_message"])
