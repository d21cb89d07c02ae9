"""A database is put back to an earlier hour, a broker comes back empty: seen from outside (P2, P3, P12)."""

import asyncio
import json
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from shared.event_sourcing.database import PlainConnection
from tests.journeys.test_operator_commands import typed
from tests.support.system import People, System, people, running_system

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system whose data may be lost."""
    with running_system(tmp_path / "system") as running:
        yield running


@asynccontextmanager
async def without_intake(system: System) -> AsyncIterator[PlainConnection]:
    """The cluster's superuser, while nobody is connected to intake's database nor can be."""
    admin = await asyncpg.connect(
        system.endpoints["postgres"]["intake"]
        .replace("//intake@", "//postgres@")
        .replace("/intake", "/postgres")
    )
    await admin.execute("alter database intake with connection limit 0")
    ending = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'intake'"
    while await admin.fetch(ending):  # noqa: ASYNC110 - a database does not call back
        await asyncio.sleep(0.05)
    try:
        yield admin
    finally:
        await admin.execute("alter database intake with connection limit -1")
        await admin.close()


async def broker_is_new(system: System) -> None:
    """As with a new disk: the directory is gone before the broker is started again."""
    await system.kill("kafka")
    shutil.rmtree(system.root / "kafka")
    admin = AIOKafkaAdminClient(bootstrap_servers=system.endpoints["kafka"])
    async with asyncio.timeout(60):
        while True:
            try:
                await admin.start()
            except KafkaConnectionError:
                await asyncio.sleep(0.2)
            else:
                break
    theirs = [name for name in await admin.list_topics() if not name.startswith("__")]
    await admin.close()
    assert theirs == [], "but for the broker's own, which the first consumer to come back makes"


async def ids_by_number(system: System) -> dict[tuple[str, int], set[str]]:
    """Every number of every request, with the ids of the facts that were said under it."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    reader = AIOKafkaConsumer(
        "datacloud.requests.v1",
        bootstrap_servers=system.endpoints["kafka"],
        auto_offset_reset="earliest",
    )
    await reader.start()
    for records in [*(await reader.getmany(timeout_ms=3_000)).values()]:
        for record in records:
            told = {name: value.decode() for name, value in record.headers}
            found[(record.key.decode(), int(told["ce_sequence"]))].add(told["ce_id"])
    await reader.stop()
    return found


async def submitted(present: People, agency: dict[str, Any]) -> dict[str, Any]:
    answer = await present.submit(agency)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_no_number_is_given_twice_and_no_second_request_slips_in(own_system: System) -> None:
    environment = os.environ | {"DATACLOUD_ENDPOINTS": str(own_system.root / "endpoints.json")}
    async with people(own_system) as present:
        agencies = (await present.door.get("/api/agencies")).json()
        kept = await submitted(present, agencies[0])
        await present.case(kept["request_id"])
        async with without_intake(own_system) as admin:
            await admin.execute("create database backup template intake owner intake_owner")
        lost = [await submitted(present, agency) for agency in agencies[1:4]]
        for receipt in lost:
            await present.case(receipt["request_id"])
        await present.decide(kept["request_id"])
        await present.until_status(kept, "confirmed")
        async with without_intake(own_system) as admin:
            await own_system.kill("intake")
            await admin.execute("drop database intake")
            await admin.execute("alter database backup rename to intake")
        new = await submitted(present, agencies[5])
        assert [receipt["registration_number"][-3:] for receipt in (kept, *lost, new)] == [
            "001", "002", "003", "004", "005",
        ]  # fmt: skip
        again = await present.submit(agencies[1])
        assert again.status_code == 409, again.text
        for receipt in (kept, new):
            if receipt is new:
                await present.decide(receipt["request_id"])
            await present.until_status(receipt, "confirmed")
        listed = json.loads(typed(environment, "recovered", "list", "--json").stdout)
        gone = {row["stream_id"]: row["names"] for row in listed if row["gone"]}
        assert gone == {
            receipt["request_id"]: [f"open_account:{agency['code']}"]
            for receipt, agency in zip(lost, agencies[1:4], strict=True)
        }
        assert kept["request_id"] in {row["stream_id"] for row in listed}
        freed = typed(environment, "recovered", "free", "intake", lost[0]["request_id"])
        assert freed.stdout == f"intake: open_account:{agencies[1]['code']} dilepas\n"
        assert (await submitted(present, agencies[1]))["registration_number"].endswith("006")
    said = await ids_by_number(own_system)
    assert all(len(ids) == 1 for ids in said.values())
    assert typed(environment, "views", "rebuild", "--check").returncode == 0
    assert json.loads(typed(environment, "blocked", "list", "--json").stdout) == []


async def test_a_broker_that_comes_back_empty_is_filled_again_and_all_goes_on(
    own_system: System,
) -> None:
    environment = os.environ | {"DATACLOUD_ENDPOINTS": str(own_system.root / "endpoints.json")}
    async with people(own_system, patience=120) as present:
        agencies = (await present.door.get("/api/agencies")).json()
        done, begun = [await submitted(present, agency) for agency in agencies[:2]]
        await present.decide(done["request_id"])
        await present.until_status(done, "confirmed")
        await present.case(begun["request_id"])
        before = await ids_by_number(own_system)
        mails = len(own_system.mails())
        await broker_is_new(own_system)
        away = await submitted(present, agencies[2])
        refilled = typed(environment, "topics", "republish", "--json")
        assert json.loads(refilled.stdout)["intake"]["datacloud.requests.v1"]["facts"] > len(before)
        assert typed(environment, "topics", "apply").returncode == 0
        for receipt in (begun, away):
            await present.decide(receipt["request_id"])
            await present.until_status(receipt, "confirmed")
        after = await ids_by_number(own_system)
    assert all(len(ids) == 1 for ids in after.values())
    assert {place: after[place] for place in before} == before
    news = own_system.mails()[mails:]
    assert len({mail["Message-ID"] for mail in news}) == len(news)
    assert not any(done["registration_number"] in str(mail) for mail in news), "nothing again"
    assert json.loads(typed(environment, "blocked", "list", "--json").stdout) == []
    assert typed(environment, "views", "rebuild", "--check").returncode == 0
    assert typed(environment, "recovered", "list").stdout == "Tidak ada fakta yang dipulihkan.\n"
