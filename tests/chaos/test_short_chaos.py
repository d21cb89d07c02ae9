"""A short chaos run of a fixed seed, as `make chaos` does it: no promise is broken (P1-P8, P12)."""

import os
import subprocess
import sys

import pytest

from shared.operations.stack import ROOT

SEED, MINUTES = "7", "1.2"
SECONDS_MAX = 900
"""Far more than it takes: a slow machine fails nobody but P12."""


@pytest.mark.chaos
@pytest.mark.timeout(SECONDS_MAX)
def test_no_promise_is_broken_while_everything_is_killed_cut_frozen_and_filled() -> None:
    told = {**os.environ, "SEED": SEED, "MINUTES": MINUTES, "SEEDS": "1", "PROOF": ""}
    command = [sys.executable, "-m", "tests.chaos"]
    ran = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, env=told, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 violations" in ran.stdout
