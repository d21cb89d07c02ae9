"""The repository's own files, for the tests that read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = {".git", ".venv", "var", "build", "__pycache__"}
NO_CACHE = "_cache"


def files(pattern: str = "*", *, under: Path = ROOT) -> Iterator[Path]:
    """Every file of the repository whose name fits, in order; nothing that make has made."""
    for path in sorted(under.iterdir()):
        if path.name in NOT_OURS or path.name.endswith((NO_CACHE, ".egg-info", ".hypothesis")):
            continue
        if path.is_dir():
            yield from files(pattern, under=path)
        elif path.match(pattern):
            yield path


def python_files(*folders: str) -> list[Path]:
    """The modules under these folders of the repository, or all of them."""
    roots = [ROOT / folder for folder in folders] or [ROOT]
    return [path for root in roots if root.exists() for path in files("*.py", under=root)]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    """How a failing test names the file."""
    return str(path.relative_to(ROOT))
