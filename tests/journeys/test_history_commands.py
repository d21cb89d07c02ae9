"""What operators do with history, beside the running system: views folded again, topics filled again."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from deploy.local.children import free_port
from shared.operations.stack import SERVICES
from tests.journeys.test_operator_commands import anywhere, confirmed, galat, typed
from tests.support.system import People

__all__ = ["anywhere"]  # a fixture

VIEWS = {"intake", "review", "complaints", "notifier"}


async def test_a_forged_view_is_found_and_put_right_while_the_system_runs(
    everybody: People, anywhere: Mapping[str, str]
) -> None:
    number = await confirmed(everybody, 42)
    checked = typed(anywhere, "views", "rebuild", "--check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {each["service"] for each in json.loads(checked.stdout)} == VIEWS
    intake = await asyncpg.connect(everybody.system.endpoints["postgres"]["intake"])
    await intake.execute(
        "update requests set status = 'rejected' where registration_number = $1", number
    )
    await intake.close()
    found = typed(anywhere, "views", "rebuild", "--check", "--service", "intake")
    assert found.returncode == 1
    said = found.stdout.splitlines()
    assert said[0].startswith("intake: requests, request_timeline akan dibandingkan dengan ")
    assert " 1 berbeda, 0 hilang, 0 berlebih (misalnya " in said[1]
    put_right = typed(anywhere, "views", "rebuild", "--service", "intake")
    assert put_right.returncode == 0, put_right.stderr
    assert "; sudah diganti" in put_right.stdout
    assert typed(anywhere, "views", "rebuild", "--check").returncode == 0
    assert await confirmed(everybody, 43) > number, "the service goes on with its new tables"


async def test_topics_filled_again_change_nothing_anywhere(
    everybody: People, anywhere: Mapping[str, str]
) -> None:
    await confirmed(everybody, 44)
    mails = len(everybody.system.mails())
    planned = json.loads(typed(anywhere, "topics", "republish", "--dry-run", "--json").stdout)
    done = json.loads(typed(anywhere, "topics", "republish", "--json").stdout)
    assert done == planned
    assert done["intake"]["datacloud.requests.v1"]["facts"] >= 3
    assert done["intake"]["datacloud.people.v1"]["persons and texts"] >= 2
    assert await confirmed(everybody, 45), "what is new comes behind what was said again"
    assert json.loads(typed(anywhere, "blocked", "list", "--json").stdout) == []
    assert typed(anywhere, "views", "rebuild", "--check").returncode == 0
    news = everybody.system.mails()[mails:]
    assert len({mail["Message-ID"] for mail in news}) == len(news)


def test_a_database_that_was_never_restored_recovered_nothing(anywhere: Mapping[str, str]) -> None:
    assert typed(anywhere, "recovered", "list").stdout == "Tidak ada fakta yang dipulihkan.\n"
    refused = typed(anywhere, "recovered", "free", "intake", "no-such-stream")
    assert refused.returncode == 1
    assert refused.stderr == "Galat: tidak ada fakta yang dipulihkan pada aliran no-such-stream.\n"


@pytest.mark.parametrize("command", ["views rebuild", "topics republish", "recovered list"])
def test_a_database_that_is_away_is_named_in_one_line(tmp_path: Path, command: str) -> None:
    away = f"127.0.0.1:{free_port()}"
    databases = {name: f"postgresql://{name}@{away}/{name}" for name in SERVICES}
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"kafka": away, "postgres": databases}), encoding="utf-8")
    shown = typed(os.environ, *command.split(), "--endpoints", str(file), "--json")
    assert "basis data intake tidak menjawab" in galat(shown)


@pytest.mark.parametrize("command", ["views rebuild", "topics republish"])
def test_a_service_there_is_not_is_refused(anywhere: Mapping[str, str], command: str) -> None:
    shown = typed(anywhere, *command.split(), "--service", "billing")
    assert "layanan 'billing' tidak dikenal; pilih intake, review" in galat(shown)


@pytest.mark.parametrize("command", ["views rebuild", "topics republish"])
def test_a_plan_is_told_and_not_carried_out(anywhere: Mapping[str, str], command: str) -> None:
    shown = typed(anywhere, *command.split(), "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert all(" akan " in line or " tidak ada " in line for line in shown.stdout.splitlines())
    assert {line.split(":")[0] for line in shown.stdout.splitlines()} == set(SERVICES)


@pytest.mark.parametrize(
    "command", ["views rebuild", "topics republish", "recovered list", "recovered free"]
)
def test_each_command_explains_itself_with_an_example(
    anywhere: Mapping[str, str], command: str
) -> None:
    shown = typed(anywhere, *command.split(), "--help")
    assert shown.returncode == 0
    assert f"Contoh: datacloud {command}" in " ".join(shown.stdout.replace("│", " ").split())
