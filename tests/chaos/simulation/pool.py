"""Many schedules on all cores; each worker is a fresh interpreter, so that nothing but the seed decides."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.chaos.simulation.schedule import Result, run

CHUNK = 5


def run_many(seeds: Sequence[int], *, workers: int = 2) -> Iterator[Result]:
    """Results in the order of the seeds, as they come."""
    if workers == 1 or len(seeds) == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, seeds, chunksize=CHUNK)
