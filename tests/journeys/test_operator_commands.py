"""What operators and strangers type, against the running system: `datacloud`, and any Kafka tool there is."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.local.children import free_port
from shared.operations.stack import ROOT, SERVICES
from tests.support.system import People, System


@pytest.fixture
def anywhere(system: System) -> Mapping[str, str]:
    """The environment of somebody who knows where the endpoints file is, and nothing else."""
    return os.environ | {"DATACLOUD_ENDPOINTS": str(system.root / "endpoints.json")}


def typed(
    environment: Mapping[str, str], *arguments: str, program: str = ""
) -> "subprocess.CompletedProcess[str]":
    command = [program] if program else [sys.executable, "-m", "services.cli"]
    return subprocess.run(  # noqa: S603 - our own command
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


async def confirmed(everybody: People, place: int) -> str:
    """The registration number of a request that came to its end."""
    agency = (await everybody.patiently("GET", "/api/agencies")).json()[place]
    receipt = (await everybody.submit(agency)).json()
    await everybody.decide(receipt["request_id"])
    await everybody.until_status(receipt, "confirmed")
    return str(receipt["registration_number"])


async def test_trace_shows_the_facts_of_one_request_over_all_topics_in_order(
    everybody: People, anywhere: Mapping[str, str]
) -> None:
    number = await confirmed(everybody, 40)
    shown = typed(anywhere, "trace", number)
    assert shown.returncode == 0, shown.stderr
    plain = shown.stdout.splitlines()
    assert len(plain) == 6, "a line a fact"
    assert " requests.v1 #1 request_submitted.v1 surat permintaan terdaftar" in plain[0]
    facts = json.loads(typed(anywhere, "trace", number, "--json").stdout)
    assert [fact["type"].split(".")[1] for fact in facts] == [
        "request_submitted", "deadline_set", "request_reviewed", "account_activated",
        "confirmation_sent", "request_closed",
    ]  # fmt: skip
    assert [fact["time"] for fact in facts] == sorted(fact["time"] for fact in facts)


def test_a_number_nobody_knows_is_said_to_be_unknown(anywhere: Mapping[str, str]) -> None:
    shown = typed(anywhere, "trace", "DC-2026-999999")
    assert shown.returncode == 1
    assert shown.stderr == "Galat: tidak ada fakta yang memuat DC-2026-999999.\n"


def test_databases_and_topics_are_at_the_programs_version(anywhere: Mapping[str, str]) -> None:
    assert json.loads(typed(anywhere, "migrate", "--dry-run", "--json").stdout) == {
        service: [] for service in SERVICES
    }
    assert typed(anywhere, "topics", "check").returncode == 0
    assert json.loads(typed(anywhere, "topics", "apply", "--dry-run", "--json").stdout) == []


def test_nothing_is_blocked_and_it_says_so(anywhere: Mapping[str, str]) -> None:
    assert json.loads(typed(anywhere, "blocked", "list", "--json").stdout) == []
    assert typed(anywhere, "blocked", "list").stdout == "Tidak ada yang tertahan.\n"


COMMANDS = ("migrate", "trace DC-2026-000001", "topics check", "topics apply", "blocked list")


def galat(shown: "subprocess.CompletedProcess[str]") -> str:
    """The one line a failed command says."""
    assert shown.returncode in {1, 3}
    assert shown.stdout == ""
    assert re.fullmatch(r"Galat: .+\.\n", shown.stderr), shown.stderr
    return shown.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "tidak ada: jalankan sistem dengan `make run`"),
        ("[]", "bukan berkas endpoints"),
        ("{", "tidak terbaca"),
        ('{"kafka": 9092, "postgres": {}}', "bukan berkas endpoints"),
        ('{"kafka": "127.0.0.1:9092", "postgres": {"intake": 1}}', "bukan berkas endpoints"),
    ],
)
def test_without_a_system_each_command_says_what_to_do(
    tmp_path: Path, command: str, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "endpoints.json").write_text(content, encoding="utf-8")
    shown = typed(os.environ | {"DATACLOUD_LOCAL": str(tmp_path)}, *command.split())
    assert said in galat(shown)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_away_is_named_in_one_line(tmp_path: Path, command: str) -> None:
    away = f"127.0.0.1:{free_port()}"
    databases = {name: f"postgresql://{name}@{away}/{name}" for name in SERVICES}
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"kafka": away, "postgres": databases}), encoding="utf-8")
    shown = typed(os.environ, *command.split(), "--endpoints", str(file))
    about = f"Kafka di {away}" if command[0] == "t" else "basis data intake"
    assert f"{about} tidak menjawab" in galat(shown)


def test_a_service_there_is_not_is_told_with_those_there_are(anywhere: Mapping[str, str]) -> None:
    shown = typed(anywhere, "migrate", "--service", "billing")
    assert "layanan 'billing' tidak dikenal; pilih intake, review" in galat(shown)


def test_every_command_explains_itself_with_an_example(anywhere: Mapping[str, str]) -> None:
    for command in ("migrate", "trace", "topics apply", "topics check", "blocked list", "due"):
        shown = typed(anywhere, *command.split(), "--help")
        assert shown.returncode == 0
        assert "datacloud " in shown.stdout.replace("Usage: ", ""), command


@pytest.mark.slow
async def test_kcat_reads_every_fact_as_plain_json_with_its_headers(
    everybody: People, anywhere: Mapping[str, str]
) -> None:
    kcat = shutil.which("kcat")
    if kcat is None:
        pytest.skip("there is no kcat: apt-get install kcat")
    await confirmed(everybody, 41)
    kafka = everybody.system.endpoints["kafka"]
    asked = ["-b", kafka, "-t", "datacloud.requests.v1", "-C", "-e", "-q", "-J"]
    shown = typed(anywhere, *asked, program=kcat)
    records = [json.loads(line) for line in shown.stdout.splitlines()]
    assert records
    for record in records:
        headers = dict(zip(record["headers"][::2], record["headers"][1::2], strict=True))
        value = json.loads(record["payload"])
        request_id = value.get("request_id") or value["subject"]["request_id"]
        assert record["key"] == headers["ce_subject"] == request_id
        assert headers["ce_type"].startswith("datacloud.")
        assert headers["content-type"] == "application/json"
