"""Kafka's jars from Maven, each checked against `kafka.lock` (SHA-256 and file name, no addresses)."""

import hashlib
import shutil
import sys
import warnings
from pathlib import Path

from deploy.local.children import NotStarted

ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka.lock")


def class_path() -> str:
    """Downloads what is missing, makes again what is damaged; raises NotStarted when that is not possible."""
    jars = _resolve(again=False)
    if _damaged(jars):
        for path in _damaged(jars):
            _forget(path)
        jars = _resolve(again=True)
    if damaged := _damaged(jars):
        names = ", ".join(path.name for path in damaged)
        message = f"these jars differ from deploy/local/kafka.lock: {names or 'some are missing'}"
        raise NotStarted(message)
    return ":".join(str(path) for path in jars)


def write_lock() -> None:
    """After a deliberate change of the version: `python -m deploy.local.jars`."""
    lines = sorted(f"{_sha256(path)}  {path.name}" for path in _resolve(again=False))
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _resolve(*, again: bool) -> list[Path]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # platformdirs speaks of XDG_RUNTIME_DIR, which jgo does not need
            import jgo  # noqa: PLC0415 - it is slow to import, and only this asks for it

            environment = jgo.build(ENDPOINT, update=again)
    except Exception as error:
        message = f"Kafka's jars could not be had from Maven ({type(error).__name__}: {error}). Is there a network?"
        raise NotStarted(message) from error
    return sorted(Path(environment.path).rglob("*.jar"))


def _damaged(jars: list[Path]) -> list[Path]:
    lines = [line.split("  ", 1) for line in LOCK.read_text(encoding="utf-8").splitlines()]
    locked = {name: digest for digest, name in lines}
    damaged = [path for path in jars if locked.get(path.name) != _sha256(path)]
    missing = locked.keys() - {path.name for path in jars}
    return damaged + [Path(name) for name in missing]


def _forget(path: Path) -> None:
    """A half-downloaded jar goes, wherever the link leads, and with it the environment that was made of it."""
    target = path.resolve() if path.is_absolute() else path
    for copy in (path, target, *_in_repository(path.name)):
        if copy.is_absolute():
            copy.unlink(missing_ok=True)
    if path.is_absolute() and path.parent.parent.is_dir():
        shutil.rmtree(path.parent.parent, ignore_errors=True)


def _in_repository(name: str) -> list[Path]:
    repository = Path.home() / ".m2" / "repository"
    return list(repository.rglob(name)) if repository.is_dir() else []


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


if __name__ == "__main__":
    write_lock()
    sys.stdout.write(f"{LOCK.name} written\n")
