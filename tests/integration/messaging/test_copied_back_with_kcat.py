"""What the runbook says about copying a dead letter back is typed here as it stands there."""

import asyncio
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest

from shared.messaging.blocked import Received
from shared.messaging.saying import dead_letter
from shared.operations.stack import ROOT
from tests.support.bus import Bus, Record, bus, consuming, fact, received
from tests.support.ledger import Ledger, count, history

RUNBOOK = ROOT / "deploy" / "runbook.md"


def recipe(topic: str, dead: str, partition: int) -> str:
    """The block that begins with the topic's name, for this letter."""
    lines = RUNBOOK.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("    T=datacloud"))
    block = dedent("\n".join(lines[first : first + 5]))
    for said, meant in (
        ("$T.review.cases.dlq", dead),
        ("datacloud.requests.v1", topic),
        ("P=3", f"P={partition}"),
        ("-o 17", "-o 0"),
    ):
        assert said in block
        block = block.replace(said, meant)
    return block


async def test_a_letter_copied_back_as_the_runbook_says_is_taken_in(
    unit: Ledger, topic: Bus, tmp_path: Path
) -> None:
    if not (shutil.which("kcat") and shutil.which("jq")):
        pytest.skip("there is no kcat or no jq: apt-get install kcat jq")
    name, taking = str(uuid4()), topic.subscription(unit)
    good = fact(name, 1)
    async with bus(topic.bootstrap) as dead, consuming(unit, topic.bootstrap, taking):
        await topic.send(replace(good, value=b"{"), fact(name, 2))
        await received(taking.name, 2)
        (parked, _) = await topic.read(2)
        place = topic.topic, parked.partition, parked.offset
        letter = dead_letter(taking.name, Received(place, good.key, good.value, good.headers))
        await dead.send(Record(letter.key, letter.value, letter.headers, parked.partition))
        typed = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euc", recipe(topic.topic, dead.topic, parked.partition)],
            env=os.environ | {"KAFKA": topic.bootstrap},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert typed.returncode == 0, typed.stderr
        outcomes = await received(taking.name, 3)
    assert outcomes == {"parked": 1, "held": 1, "applied": 1, "drained": 1}
    assert len(await history(unit.pool, name)) == 2
    assert await count(unit.pool, "blocked") == 0
    *_, copy = [each for each in await topic.read(3) if each.key == good.key]
    assert (copy.partition, copy.value) == (parked.partition, good.value)
