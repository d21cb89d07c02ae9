"""P12: when the last fault ends, everything is said and read within a minute, without a hand."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Violation

CAUGHT_UP_SECONDS_MAX = 60.0


def check(evidence: Evidence) -> Iterator[Violation]:
    """Lag and outboxes."""
    recovery = evidence.recovery
    if recovery.caught_up_after is None:
        yield Violation("P12", "never caught up")
    elif recovery.caught_up_after > CAUGHT_UP_SECONDS_MAX:
        yield Violation("P12", f"caught up after {recovery.caught_up_after:.0f} s")
    if not recovery.quiet:
        yield Violation("P12", "never became quiet")
    for (group, topic, partition), lag in recovery.lag.items():
        if lag:
            yield Violation("P12", f"{lag} records unread", f"{group} {topic} {partition}")
