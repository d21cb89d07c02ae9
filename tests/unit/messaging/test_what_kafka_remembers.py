"""A broker that has just started does not know its groups yet: that is not the answer that there is nothing (P2)."""

from types import SimpleNamespace

import pytest
from aiokafka.errors import GroupLoadInProgressError, KafkaError

from shared.messaging import said_to

LOADING, NO_ERROR = 14, 0


def answering(monkeypatch: pytest.MonkeyPatch, error: int, of_partition: int = NO_ERROR) -> None:
    answer = SimpleNamespace(
        error_code=error, topics=[("t", [(3, 10, "7", of_partition)])] if not error else []
    )

    async def nothing(*_: object) -> None:
        return None

    async def say(*_: object) -> SimpleNamespace:
        return answer

    for name, said in (
        ("start", nothing),
        ("close", nothing),
        ("find_coordinator", nothing),
        ("_send_request", say),
    ):
        monkeypatch.setattr(said_to.Offsets, name, said)


async def test_what_was_kept_is_told_by_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, NO_ERROR)
    assert await said_to.kept("127.0.0.1:1", "intake") == {("t", 3): 7}


async def test_a_coordinator_that_is_still_loading_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, LOADING)
    with pytest.raises(GroupLoadInProgressError):
        await said_to.kept("127.0.0.1:1", "intake")


async def test_a_partition_with_an_error_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, NO_ERROR, LOADING)
    with pytest.raises(KafkaError):
        await said_to.kept("127.0.0.1:1", "intake")
