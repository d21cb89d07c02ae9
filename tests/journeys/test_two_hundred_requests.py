"""Sixty agencies write at once; whatever is killed, each accepted letter ends confirmed, once (P1-P5, P8, P12)."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.kafka import EmbeddedKafka
from deploy.local.places import find_places
from shared.messaging.trace import FACT_TOPICS, everything
from shared.operations.stack import SERVICES
from tests.support.system import Json, People, System, people, running_system

LETTERS, AT_ONCE = 200, 20
SECONDS_MAX = 300
PATIENCE_SECONDS = 120.0
CONFIRMED = "akun data cloud sudah aktif"
Fault = Callable[[System], Awaitable[None]]


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[System]:
    """A system of this case's own: what one case leaves open is not in the way of the next."""
    with running_system(tmp_path) as running:
        yield running


async def nothing(_system: System) -> None:
    pass


async def one_service_after_another(system: System) -> None:
    for name in SERVICES:
        await system.kill(name)
        await asyncio.sleep(1)


async def all_five_services(system: System) -> None:
    await system.kill(*SERVICES)


async def kafka(system: System) -> None:
    await system.kill("kafka")


async def kafka_and_all_services(system: System) -> None:
    await system.kill("kafka", *SERVICES)


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize(
    ("while_submitting", "while_approving"),
    [
        (nothing, nothing),
        (one_service_after_another, all_five_services),
        (kafka, kafka_and_all_services),
    ],
)
async def test_every_accepted_letter_ends_with_one_account_and_one_confirmation_whatever_is_killed(
    crowded: System, while_submitting: Fault, while_approving: Fault
) -> None:
    async with people(crowded, PATIENCE_SECONDS) as crowd:
        accepted = await submitted(crowd, while_submitting)
        errands = [partial(approved, crowd, receipt) for receipt in accepted.values()]
        await in_crowds(errands, crowded, while_approving)
        confirmed = [crowd.until_status(each, "confirmed") for each in accepted.values()]
        await asyncio.gather(*confirmed)
        if while_submitting is nothing:
            assert not crowd.troubles

    messages = defaultdict(set)
    for mail in crowded.mails():
        if CONFIRMED in str(mail["Subject"]).lower():
            number = str(mail["Subject"]).split("]")[0].lstrip("[")
            messages[number].add(str(mail["Message-ID"]))
    for code, receipt in accepted.items():
        assert len(messages[receipt["registration_number"]]) == 1
        assert [each["active"] for each in crowded.accounts(code)] == [True], code


async def submitted(crowd: People, killed: Fault) -> dict[str, dict[str, str]]:
    """Two hundred letters; the receipts by agency. The surplus is told the number of the letter that was first."""
    agencies = (await crowd.patiently("GET", "/api/agencies")).json()
    accepted: dict[str, dict[str, str]] = {}
    surplus: list[tuple[str, Json]] = []

    async def one(agency: Json) -> None:
        answer = await crowd.submit(agency)
        if answer.status_code == 201:
            assert agency["code"] not in accepted
            accepted[agency["code"]] = answer.json()
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "open_request_exists")
            surplus.append((agency["code"], answer.json()))

    letters = [agencies[place % len(agencies)] for place in range(LETTERS)]
    await in_crowds([partial(one, agency) for agency in letters], crowd.system, killed)
    assert len(accepted) == len(agencies) == 60, "one open request each"
    for code, refused in surplus:
        assert refused["registration_number"] == accepted[code]["registration_number"]
    return accepted


async def approved(crowd: People, receipt: Json) -> None:
    answer = await crowd.decide(receipt["request_id"])
    assert answer.status_code == 200, answer.text


async def in_crowds(
    errands: Sequence[Callable[[], Awaitable[None]]], system: System, killed: Fault
) -> None:
    """Twenty at a time; the fault strikes when a third is done."""
    gate, done, strike = asyncio.Semaphore(AT_ONCE), 0, asyncio.Event()

    async def one(errand: Callable[[], Awaitable[None]]) -> None:
        nonlocal done
        async with gate:
            await errand()
        done += 1
        if done >= len(errands) // 3:
            strike.set()

    async def fault() -> None:
        await strike.wait()
        await killed(system)

    await asyncio.gather(fault(), *(one(errand) for errand in errands))


@pytest.mark.timeout(SECONDS_MAX)
def test_reading_every_topic_again_from_its_beginning_changes_nothing(tmp_path: Path) -> None:
    with running_system(tmp_path) as system:
        asyncio.run(ten_confirmed(system))
        before = asyncio.run(everything_there_is(system))
        groups = asyncio.run(groups_of(system))
    asyncio.run(reset(tmp_path, groups))
    with running_system(tmp_path) as system:
        assert asyncio.run(everything_there_is(system)) == before
        assert all(
            system.counted(name, "datacloud_records_total", 'outcome="duplicate"') > 0
            for name in ("intake", "review", "provisioning", "notifier")
        ), "every one of them did read it all again"


async def ten_confirmed(system: System) -> None:
    async with people(system) as crowd:
        agencies = (await crowd.patiently("GET", "/api/agencies")).json()[:10]
        receipts = [(await crowd.submit(agency)).json() for agency in agencies]
        for receipt in receipts:
            await approved(crowd, receipt)
        for receipt in receipts:
            await crowd.until_status(receipt, "confirmed")


async def everything_there_is(system: System) -> dict[str, object]:
    """When all is read: events and waiting work by service, records on the topics, mails, accounts."""
    await until_read(system)
    found: dict[str, object] = {}
    for service, dsn in system.endpoints["postgres"].items():
        connection = await asyncpg.connect(dsn)
        for table in ("events", "outbox", "blocked", "scheduled"):
            count = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608 - ours
            found[f"{service}.{table}"] = count
        await connection.close()
    kafka_address = system.endpoints["kafka"]
    facts = [(r.topic, r.key, r.value) async for r in everything(kafka_address, FACT_TOPICS)]
    mails = sorted(str(mail["Message-ID"]) for mail in system.mails())
    accounts = sorted(each["userName"] for each in system.accounts())
    return found | {"facts": sorted(facts), "mails": mails, "accounts": accounts}


async def readers(admin: AIOKafkaAdminClient) -> list[str]:
    """The groups that read; a relay's own notes down what it has said."""
    names = [name for name, *_ in await admin.list_consumer_groups()]
    return [name for name in names if not name.endswith(".relay")]


async def groups_of(system: System) -> dict[str, list[TopicPartition]]:
    """Every consumer group and the partitions it has read from."""
    admin = AIOKafkaAdminClient(bootstrap_servers=system.endpoints["kafka"])
    await admin.start()
    try:
        return {
            name: [*await admin.list_consumer_group_offsets(name)] for name in await readers(admin)
        }
    finally:
        await admin.close()


async def until_read(system: System) -> None:
    """Until every group has read to where its topics end, and every outbox is empty."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _lag(system) or await _unsaid(system):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.3)


async def _lag(system: System) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=system.endpoints["kafka"])
    reader = AIOKafkaConsumer(bootstrap_servers=system.endpoints["kafka"])
    await admin.start()
    await reader.start()
    try:
        lag = 0
        for name in await readers(admin):
            offsets = await admin.list_consumer_group_offsets(name)
            ends = await reader.end_offsets(list(offsets))
            lag += sum(ends[place] - offsets[place].offset for place in offsets)
        return lag
    finally:
        await reader.stop()
        await admin.close()


async def _unsaid(system: System) -> int:
    unsaid = 0
    for dsn in system.endpoints["postgres"].values():
        connection = await asyncpg.connect(dsn)
        unsaid += await connection.fetchval("select count(*) from outbox")
        await connection.close()
    return unsaid


async def reset(root: Path, groups: dict[str, list[TopicPartition]]) -> None:
    """As an operator would with Kafka's own tools, while nobody is a member."""
    server = EmbeddedKafka(root / "kafka", find_places(root).ports["kafka"])
    await asyncio.to_thread(server.start)
    try:
        for name, places in groups.items():
            if places:
                await _to_the_beginning(server.bootstrap, name, places)
    finally:
        await asyncio.to_thread(server.stop)


async def _to_the_beginning(bootstrap: str, group: str, places: list[TopicPartition]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, 0))
        assert {await consumer.committed(place) for place in places} == {0}
    finally:
        await consumer.stop()
