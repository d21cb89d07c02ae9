"""What may be wrong with a wire."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Trouble:
    """What happens to all connections while it lasts; `hits` counts to how many of them, or of their messages.

    `lose_answer_to`: the server acts on such a message and its answer is lost with the connection, `times` times.
    `answer` speaks in the server's place; None passes the message on.
    """

    refuse: bool = False
    silent: bool = False
    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0
    replies_bytes_max: int | None = None
    lose_answer_to: bytes | None = None
    times: int = 1_000_000
    answer: Callable[[bytes], bytes | None] | None = None
    hits: int = 0

    def seconds(self, size: int) -> float:
        """How long so many bytes are held up."""
        return self.delay_seconds + (size / self.bytes_per_second if self.bytes_per_second else 0)
