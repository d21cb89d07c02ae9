"""How long to wait before trying again: exponential, capped, with jitter, so that many do not come back at once."""

import random


def backoff(attempt: int, *, first: float, most: float) -> float:
    """Seconds before the next try after `attempt` (0, 1, …) failures in a row: between half and all of the step."""
    return random.uniform(0.5, 1.0) * min(most, first * 2.0 ** min(attempt, 20))  # noqa: S311 - jitter
