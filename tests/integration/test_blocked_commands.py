"""`datacloud blocked` on records that really wait: it does what it says it would do, each id has its answer (P5)."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.review.app import DEFINITION, hearing
from services.review.commands import Command
from shared.contracts.registry import Fact
from shared.contracts.topics import PEOPLE, REQUESTS
from shared.event_sourcing.database import open_pool
from shared.event_sourcing.decider import To
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.blocked import Received, read
from shared.messaging.subscription import Subscription
from shared.operations.stack import SERVICES
from shared.people.copies import Copies
from tests.journeys.test_operator_commands import typed
from tests.support.bus import Record, fact
from tests.support.servers import Databases

STREAMS = {name: str(UUID(int=number)) for number, name in enumerate(("bad", "gap", "failing"), 1)}
WHY = ("--reason", "uji coba")


def broken(_: Fact, __: datetime) -> Iterable[To[Command]]:
    """The program before it was repaired."""
    message = "our own fault"
    raise ArithmeticError(message)


def came(*records: Record, partition: int = 0, begin: int = 0) -> list[Received]:
    """As the consumer hands them over."""
    found = []
    for offset, record in enumerate(records, begin):
        place = REQUESTS.name, partition, offset
        received = read(Received(place, record.key, record.value, record.headers))
        received.unreadable = received.reason is not None
        found.append(received)
    return found


async def take_in(dsn: str) -> None:
    """One stream behind a bad record, one behind a gap, one our code fails on, and two loose records."""
    pool = await open_pool(dsn, size=2)
    bad, gap, failing = STREAMS.values()
    first = replace(fact(bad, 1), value=b'{"request_id": ')
    loose = fact(str(uuid4()), 1).without("ce_sequence")
    taking = hearing(UnitOfWork(pool, DEFINITION))
    behind_a_gap = fact(gap, 1), fact(gap, 3), fact(gap, 4)
    await taking.handle(came(first, fact(bad, 2), fact(bad, 3), *behind_a_gap, loose))
    before = Subscription(taking.unit, taking.name, taking.topics, broken)
    await before.handle(came(fact(failing, 1), partition=1))
    await taking.handle(came(fact(failing, 2), partition=1, begin=1))
    people = Copies(pool, "review.people", [PEOPLE.name])
    await people.handle([Received((PEOPLE.name, 0, 0), b"x", b"{broken", ())])
    await pool.close()


@pytest.fixture
def review(databases: Databases) -> str:
    dsn = databases.make("review")
    asyncio.run(take_in(dsn))
    return dsn


@pytest.fixture
def anywhere(databases: Databases, review: str, tmp_path: Path) -> Mapping[str, str]:
    """An operator who knows where the endpoints file is; the other services have nothing that waits."""
    empty = dict.fromkeys(SERVICES, databases.make("complaints"))
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"kafka": "127.0.0.1:1", "postgres": empty | {"review": review}}))
    return os.environ | {"DATACLOUD_ENDPOINTS": str(file)}


def blocked(
    environment: Mapping[str, str], *arguments: object
) -> "subprocess.CompletedProcess[str]":
    return typed(environment, "blocked", *map(str, arguments))


def answered(environment: Mapping[str, str], *arguments: object) -> tuple[int, list[Any]]:
    """The exit code, and by JSON alone on stdout for each id or stream what became of it."""
    shown = blocked(environment, *arguments, "--json")
    told = json.loads(shown.stdout)
    return shown.returncode, [tuple(each.values())[:2] for each in told]


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(run())


def waiting(dsn: str) -> dict[tuple[str, int], int]:
    """The ids by stream and number; the loose ones by their subscription."""
    names = {stream: name for name, stream in STREAMS.items()}
    found = rows(dsn, "select id, subscription, stream, sequence from blocked order by id")
    return {
        (names.get(stream, name), number or 0): row_id for row_id, name, stream, number in found
    }


@pytest.mark.timeout(240)
def test_what_waits_is_listed_shown_released_and_discarded_id_by_id(
    review: str, anywhere: Mapping[str, str]
) -> None:
    ids = waiting(review)
    bad, second, failing = ids["bad", 1], ids["bad", 2], ids["failing", 1]
    loose, personal = ids["review.cases", 0], ids["review.people", 0]

    listed = json.loads(blocked(anywhere, "list", "--json").stdout)
    assert {row["id"]: row["reason"] for row in listed}.items() >= {
        bad: "malformed_value", second: "held", failing: "error", loose: "ce_sequence_missing",
        personal: "unreadable_personal_record",
    }.items()  # fmt: skip
    shown = blocked(anywhere, "show", "review", bad, 999)
    assert '{"request_id": ' in shown.stdout
    assert (shown.returncode, shown.stderr) == (
        1,
        "Galat: 999: catatan itu tidak (lagi) menunggu.\n",
    )

    before = rows(review, "select * from blocked order by id")
    asked = ("release", "review", failing, bad, second, loose, personal, 999)
    assert answered(anywhere, *asked, "--dry-run") == (1, [
        (failing, "would_be_tried"), (bad, "parked"), (second, "held"), (loose, "not_of_a_stream"),
        (personal, "not_of_a_stream"), (999, "not_waiting"),
    ])  # fmt: skip
    dropped = ("discard", "review", bad, second, loose, personal, 999, *WHY)
    assert answered(anywhere, *dropped, "--dry-run") == (1, [
        (bad, "would_be_discarded"), (second, "behind_another"), (loose, "would_be_discarded"),
        (personal, "would_be_discarded"), (999, "not_waiting"),
    ])  # fmt: skip
    assert rows(review, "select * from blocked order by id") == before, "nothing was done"

    assert answered(anywhere, *asked) == (1, [
        (failing, "taken_in"), (bad, "parked"), (second, "held"), (loose, "not_of_a_stream"),
        (personal, "not_of_a_stream"), (999, "not_waiting"),
    ])  # fmt: skip
    assert answered(anywhere, *dropped) == (1, [
        (bad, "discarded"), (second, "not_waiting"), (loose, "discarded"), (personal, "discarded"),
        (999, "not_waiting"),
    ])  # fmt: skip
    assert {stream for stream, _ in waiting(review)} == {"gap"}
    kept = rows(review, "select subscription, reason, why from discarded order by id")
    assert kept == [
        ("review.cases", "malformed_value", "uji coba"),
        ("review.cases", "ce_sequence_missing", "uji coba"),
        ("review.people", "unreadable_personal_record", "uji coba"),
    ]
    told = blocked(anywhere, "release", "review", failing)
    assert (told.returncode, told.stdout) == (1, f"{failing}: catatan itu tidak (lagi) menunggu\n")


@pytest.mark.timeout(120)
def test_a_number_that_never_came_is_skipped_with_a_reason(
    review: str, anywhere: Mapping[str, str]
) -> None:
    asked = ("skip", "review.cases", REQUESTS.name, STREAMS["gap"], *WHY)
    before = rows(review, "select * from blocked order by id")
    assert answered(anywhere, *asked, "--dry-run") == (0, [(STREAMS["gap"], "would_be_skipped")])
    assert rows(review, "select * from blocked order by id") == before
    told = blocked(anywhere, *asked)
    assert told.stdout.endswith("nomor yang hilang dilepaskan, 2 penerus ikut berjalan\n")
    assert answered(anywhere, *asked) == (1, [(STREAMS["gap"], "nothing_held")])
    behind = ("skip", "review.cases", REQUESTS.name, STREAMS["bad"], *WHY)
    assert answered(anywhere, *behind, "--dry-run") == (1, [(STREAMS["bad"], "nothing_missing")])
    assert "gap" not in {stream for stream, _ in waiting(review)}


def test_nobody_discards_or_skips_without_a_reason(anywhere: Mapping[str, str]) -> None:
    for command in (("discard", "review", 1), ("skip", "review.cases", REQUESTS.name, "x")):
        told = blocked(anywhere, *command, "--reason", "  ")
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith("Galat: alasan (--reason) tidak boleh kosong")


def test_a_record_our_code_still_fails_on_says_so_and_nothing_else_stands_on_stdout(
    review: str, anywhere: Mapping[str, str]
) -> None:
    unreadable = waiting(review)["bad", 1]
    shown = blocked(anywhere, "release", "review", unreadable, "--json")
    (told,) = json.loads(shown.stdout)
    assert told == {
        "id": unreadable, "outcome": "parked", "reason": "malformed_value", "successors": 0,
        "message": "tetap tertahan: malformed_value",
    }  # fmt: skip
