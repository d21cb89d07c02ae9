"""A service ends when it is asked to, whatever it waits for (P12)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.children import free_port
from deploy.local.places import find_places
from deploy.local.stack import LocalStack
from shared.operations.stack import ROOT


@pytest.mark.timeout(60)
def test_a_service_that_waits_for_its_database_ends_when_asked_to(tmp_path: Path) -> None:
    stack = LocalStack(find_places(tmp_path), lambda _: None)
    environment = stack.environment("review") | {
        "DATACLOUD_DATABASE_DSN": f"postgresql://review@127.0.0.1:{free_port()}/review"
    }
    log = tmp_path / "review.log"
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "services.review"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
    while "service_waits_for_database" not in log.read_text():
        assert child.poll() is None, log.read_text()
        time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    assert child.wait(5) == 0
