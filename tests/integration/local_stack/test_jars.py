"""Kafka's jars are whole or made whole again, without a Java of the machine and whatever Maven settings it has."""

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.children import NotStarted, free_port


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def maven() -> Iterator[dict[str, str]]:
    """A Maven repository on loopback: what the cache of this machine holds."""
    jars.class_path()
    handler = functools.partial(_Quiet, directory=str(jars.CACHE / "repository"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"here": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


@pytest.fixture
def away() -> dict[str, str]:
    return {"away": f"http://127.0.0.1:{free_port()}"}


@pytest.fixture
def cache(tmp_path: Path, maven: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A full cache of this test's own, on a machine without Java whose Maven repository is elsewhere."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PATH", str(tmp_path / "no-java"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    jars.class_path(tmp_path / "cache", maven)
    return tmp_path / "cache"


def test_whole_jars_need_no_network_and_nothing_lies_elsewhere(
    cache: Path, away: dict[str, str]
) -> None:
    paths = jars.class_path(cache, away).split(":")
    assert len(paths) > 20
    assert all(Path(path).is_relative_to(cache) for path in paths)
    assert not (cache.parent / "elsewhere").exists()
    assert "JAVA_HOME" not in os.environ


def test_a_half_downloaded_jar_is_downloaded_again(cache: Path, maven: dict[str, str]) -> None:
    before = jars.class_path(cache)
    damaged = next((cache / "repository").rglob("kafka-server-*.jar"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert jars.class_path(cache, maven) == before


def test_a_half_downloaded_pom_is_downloaded_again(cache: Path, maven: dict[str, str]) -> None:
    """As after Ctrl-C in the middle: no environment yet, a jar missing and a pom cut off."""
    before = jars.class_path(cache)
    shutil.rmtree(cache / "envs")
    next((cache / "repository").rglob("kafka-server-*.jar")).unlink()
    pom = next((cache / "repository").rglob("kafka_2.13-*.pom"))
    pom.write_bytes(pom.read_bytes()[:100])
    assert jars.class_path(cache, maven) == before


def test_without_a_network_it_is_said_and_what_is_whole_is_kept(
    cache: Path, away: dict[str, str], maven: dict[str, str]
) -> None:
    shutil.rmtree(cache / "envs")
    whole = len(list((cache / "repository").rglob("*.jar")))
    with pytest.raises(NotStarted, match=r"could not be had from Maven .* Is there a network"):
        jars.class_path(cache, away)
    assert len(list((cache / "repository").rglob("*.jar"))) == whole
    assert jars.class_path(cache, maven)
