"""The outcomes that are not events: who made the mistake, and what the caller may do about it."""


class Refused(Exception):  # noqa: N818 - an outcome of the domain, not a fault of the program
    """A caller's mistake: nothing was written. `code` is stable, snake_case; `details` holds ids and numbers only."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class KeyReused(Exception):  # noqa: N818 - an outcome of the domain, not a fault of the program
    """The same Idempotency-Key came with another body: nothing was written."""


class Unavailable(Exception):  # noqa: N818 - an outcome of the domain, not a fault of the program
    """The world is away (database, identity provider, platform): the same call may succeed later."""


class TryLater(Exception):  # noqa: N818 - an outcome of the domain, not a fault of the program
    """An effect could not be done now; it is scheduled again. `reason` is a snake_case code."""

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class GiveUp(Exception):  # noqa: N818 - an outcome of the domain, not a fault of the program
    """An effect cannot be done by trying again: people must see it now. `reason` is a snake_case code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
