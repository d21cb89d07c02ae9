"""Whoever knows one service knows all five: the same files, in the same order, the core free of the world."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import ROOT, name_of, parsed

SERVICES = ["intake", "review", "provisioning", "complaints", "notifier"]
CORE = {
    "commands", "events", "state", "decisions",
    "reactions", "publication", "schedule", "reservations",
}  # fmt: skip
AROUND = {"views", "forms", "effects", "web", "cli", "settings", "app"}
MODULES = {"__init__", "__main__", *CORE, *AROUND}
MUST_HAVE = {"__init__", "__main__", "commands", "events", "state", "decisions", "app"}
MAY_BE_A_PACKAGE = {"effects", "web"}
FOLDERS = {"sql", "templates"}
CARD_LINES_MAX = 15

PURE_LIBRARY = {
    "abc", "collections", "dataclasses", "datetime", "decimal", "enum", "functools", "itertools",
    "math", "operator", "re", "types", "typing", "uuid",
}  # fmt: skip
PURE_SHARED = (
    "shared.contracts",
    "shared.event_sourcing",
    "shared.working_time",
    "shared.service_standard",
)


def folder(service: str) -> Path:
    return ROOT / "services" / service


def modules(service: str) -> set[str]:
    return {path.stem for path in folder(service).glob("*.py")}


def core_files() -> list[Path]:
    return [path for name in CORE for path in sorted((ROOT / "services").glob(f"*/{name}.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_are_five_services_and_the_command_that_joins_them() -> None:
    found = {path.name for path in (ROOT / "services").iterdir() if path.name != "__pycache__"}
    commands = {"cli.py", "blocked_cli.py", "views_cli.py", "recovered_cli.py", "reaching.py"}
    assert found == {*SERVICES, "__init__.py", *commands}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_files_of_the_blueprint_and_no_others(service: str) -> None:
    packages = {path.name for path in folder(service).iterdir() if path.is_dir()} - {"__pycache__"}
    assert modules(service) <= MODULES
    assert packages <= MAY_BE_A_PACKAGE | FOLDERS
    assert not packages & modules(service), "a module or a package, not both"
    others = {path.name for path in folder(service).iterdir() if path.is_file()}
    assert {name for name in others if not name.endswith(".py")} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_what_every_service_needs(service: str) -> None:
    assert modules(service) >= MUST_HAVE


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_card_fits_on_a_card(service: str) -> None:
    card = folder(service) / "__init__.py"
    assert len(card.read_text().splitlines()) <= CARD_LINES_MAX
    assert ast.get_docstring(parsed(card))
    assert len(parsed(card).body) == 1, "a card says what the service is, and does nothing"


@pytest.mark.parametrize("path", core_files(), ids=name_of)
def test_the_core_knows_only_itself_the_contracts_and_pure_parts(path: Path) -> None:
    own = tuple(f"services.{path.parent.name}.{name}" for name in CORE)
    ours = (f"services.{path.parent.name}.", *PURE_SHARED)
    for imported in imports(path):
        if imported.startswith("services."):
            assert imported.startswith(own), imported
        else:
            assert imported.startswith(ours) or imported.split(".")[0] in PURE_LIBRARY, imported


@pytest.mark.parametrize(
    "line", ["datetime.now(UTC)", "date.today()", "uuid4()", "random.random()", "os.environ"]
)
@pytest.mark.parametrize(
    ("path", "banned"),
    [
        ("services/intake/decisions.py", True),
        ("services/notifier/reservations.py", True),
        ("shared/working_time/deadlines.py", True),
        ("shared/contracts/facts/intake.py", True),
        ("services/intake/web.py", False),
        ("shared/operations/settings.py", False),
    ],
)
def test_pure_files_ask_no_clock_no_chance_and_no_environment(
    path: str, banned: bool, line: str
) -> None:
    source = (
        "import os\nimport random\nfrom datetime import UTC, date, datetime\n"
        f"from uuid import uuid4\n\nASKED = {line}\n"
    )
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--select",
        "TID251",
        "--stdin-filename",
        path,
        "-",
    ]
    checked = subprocess.run(  # noqa: S603 - our own linter on our own line
        ruff, input=source, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ("TID251" in checked.stdout) is banned, checked.stdout + checked.stderr
