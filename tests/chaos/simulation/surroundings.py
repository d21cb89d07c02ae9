"""What a run needs around it: all chance from its seed, polls and logs out of the way, and what the product counted."""

import gc
import logging
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from shared.event_sourcing import scheduling
from shared.operations import metrics
from tests.chaos.simulation.actors import POLL_SECONDS

SILENT = logging.CRITICAL
"""What the product logs is not looked at, and it never logs this."""


@contextmanager
def all_chance_from(seed: int) -> Iterator[None]:
    """Ids and jitter too: uuid4 asks the kernel, the product's jitter asks the module `random`."""
    ids, kernel, jitter = random.Random(f"ids {seed}"), os.urandom, random.getstate()  # noqa: S311 - see above
    os.urandom = ids.randbytes
    random.seed(seed)
    try:
        yield
    finally:
        os.urandom = kernel
        random.setstate(jitter)


@contextmanager
def quiet_polls() -> Iterator[None]:
    """Polls are for safety only, so they may be rare; what is logged is not looked at."""
    poll, told = scheduling.POLL_SECONDS, structlog.get_config()
    scheduling.POLL_SECONDS = POLL_SECONDS
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    try:
        yield
    finally:
        scheduling.POLL_SECONDS = poll
        structlog.configure(**told)


@contextmanager
def no_collector() -> Iterator[None]:
    """A run is short, and its cycles are let go with it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


Counts = Mapping[str, Mapping[str, int]]


def counts_so_far() -> Counts:
    """What the product counted so far in this process of ours."""
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for metric in metrics.RECORDS.collect():
        for sample in metric.samples:
            subscription, outcome = sample.labels["subscription"], sample.labels["outcome"]
            counted[subscription][outcome] = int(sample.value)
    return counted


def counts_since(before: Counts) -> Counts:
    """What it counted in this run."""
    return {
        name: {outcome: n - before.get(name, {}).get(outcome, 0) for outcome, n in outcomes.items()}
        for name, outcomes in counts_so_far().items()
    }
