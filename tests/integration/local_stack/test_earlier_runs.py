"""What an earlier run left behind when it was killed is waited for, made again, or named."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import children
from deploy.local.children import NotStarted, free_port, let_earlier_run_end
from deploy.local.kafka import EmbeddedKafka
from deploy.local.postgres import EmbeddedPostgres

Server = EmbeddedPostgres | EmbeddedKafka


@pytest.fixture(params=[EmbeddedPostgres, EmbeddedKafka])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """The server of an earlier run, still up, and that of a new one on the same directory and port."""
    port = free_port()
    first, second = (request.param(tmp_path / "server", port) for _ in range(2))
    try:
        first.start()
        yield first, second
    finally:
        for server in (first, second):
            server.stop()


def test_a_server_of_an_earlier_run_that_is_still_closing_is_waited_for(
    pair: tuple[Server, Server],
) -> None:
    first, second = pair
    closing = threading.Timer(1.0, first.stop)
    closing.start()
    second.start()
    closing.join()
    assert second.pid != first.pid


def test_one_that_does_not_end_is_named(
    pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    monkeypatch.setattr(children, "EARLIER_RUN_SECONDS_MAX", 0.3)
    with pytest.raises(NotStarted, match=rf"of an earlier run still runs \(process {first.pid}\)"):
        second.start()


def test_a_first_start_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    server.stop()
    assert not (tmp_path / "postgres.new").exists()


def test_a_directory_that_is_no_cluster_is_left_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "postgres" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work", encoding="utf-8")
    with pytest.raises(OSError, match="not empty"):
        EmbeddedPostgres(tmp_path / "postgres").start()
    assert mine.read_text(encoding="utf-8") == "years of work"


def test_a_process_is_recognized_by_what_it_was_started_with() -> None:
    command = [
        sys.executable,
        "-c",
        "print(flush=True); import time; time.sleep(60)",
        "an-argument",
    ]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=os.environ | {"THIS_RUN": "one"}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        for mark in ("an-argument", "THIS_RUN=one"):
            assert children.processes_with(mark) == [process.pid]
        assert children.processes_with("THIS_RUN=on") == []
        process.send_signal(signal.SIGKILL)
    let_earlier_run_end("an-argument", "it")
