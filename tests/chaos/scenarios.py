"""`make chaos PROOF=scenarios`: every test that scenarios.toml names is run, and each scenario has its line.

SCENARIOS="S24 S26" runs those alone. Faults and proofs are named beside: `make chaos` and its other proofs run them.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from shared.operations.stack import ROOT
from tests.chaos.kill_points import NotProved
from tests.chaos.scenario_table import Scenario, read_table

SECONDS_MAX = 55 * 60.0
ENDING_SECONDS_MAX = 30.0
Say = Callable[[str], None]
Results = Mapping[str, Counter[str]]
"""By node id: how many of its cases passed, failed, were skipped."""


async def prove(keep: Path, say: Say) -> int:
    """How many scenarios failed."""
    table = read_table()
    chosen = os.environ.get("SCENARIOS", "").replace(",", " ").split() or [*table]
    scenarios = [table[name] for name in chosen]
    nodes = sorted({node for each in scenarios for node in each.tests})
    say(f"{len(scenarios)} scenarios, {len(nodes)} tests")
    with tempfile.TemporaryDirectory(prefix="datacloud-scenarios-") as directory:
        report, log = Path(directory) / "report.xml", Path(directory) / "pytest.log"
        code = await _run(nodes, report, log)
        results = read_results(report)
        lines, failed = show(scenarios, results)
        say("\n".join(lines))
        if failed or code:
            _keep(log, keep)
            message = f"{failed} scenarios failed (pytest ended with {code}): see {keep / log.name}"
            raise NotProved(message)
    return failed


def _keep(log: Path, keep: Path) -> None:
    shutil.rmtree(keep, ignore_errors=True)
    keep.mkdir(parents=True)
    shutil.copy(log, keep)


async def _run(nodes: Iterable[str], report: Path, log: Path) -> int:
    """The exit code of pytest; one that takes too long is asked to stop, then killed."""
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", "-o", "junit_family=xunit1"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, *nodes, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), ENDING_SECONDS_MAX)
                except TimeoutError:
                    process.kill()


def read_results(report: Path) -> Results:
    """As pytest's report of every case says it; none of a run that did not get to its end."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if not report.exists():
        return found
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        node = f"{case.get('file')}::{(case.get('name') or '').partition('[')[0]}"
        ends = {each.tag for each in case}
        bad = ends & {"failure", "error"}
        found[node]["failed" if bad else "skipped" if "skipped" in ends else "passed"] += 1
    return found


def show(scenarios: Iterable[Scenario], results: Results) -> tuple[list[str], int]:
    """The table, and how many scenarios did not hold."""
    lines, failed = [f"{'':<5}{'scenario':<60}{'tests':>7}  result"], 0
    for each in scenarios:
        counts = sum((results.get(node, Counter()) for node in each.tests), Counter[str]())
        unseen = [node for node in each.tests if not results.get(node, Counter())["passed"]]
        bad = bool(counts["failed"] or unseen)
        failed += bad
        word = "FAILED" if bad else _holds(each)
        passed = f"{counts['passed']}/{counts['passed'] + counts['failed']}"
        lines.append(f"{each.name:<5}{each.scenario:<60}{passed:>7}  {word}")
        lines += [f"{'':<5}  also: {', '.join(each.faults)}"] if each.faults else []
        lines += [f"{'':<5}  not here: {each.not_here}"] if each.not_here else []
        lines += [f"{'':<5}  did not pass: {node}" for node in unseen]
    return lines, failed


def _holds(scenario: Scenario) -> str:
    """What these tests show; with a proof beside them they show a part of it only."""
    if not scenario.tests:
        return "not run here"
    proofs = ", ".join(f"PROOF={name}" for name in scenario.proofs)
    return f"holds (with {proofs})" if proofs else "holds"
