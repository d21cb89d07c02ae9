"""A history can be read again, whatever became of the driver that wrote it."""

from pathlib import Path

from tests.chaos.history import Entry, History, operations, read

ASKED = Entry(0.5, "pd 1", "invoke", "submit_request", "k", {"agency_code": "BAPPEDA"})
ANSWERED = Entry(1.5, "pd 1", "ok", "submit_request", "k", {"request_id": "r"})


def test_what_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.write(ASKED)
    history.write(ANSWERED)
    history.close()
    assert read(tmp_path / "history.jsonl") == [ASKED, ANSWERED]


def test_a_line_cut_off_by_a_kill_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.write(ASKED)
    history.close()
    with path.open("ab") as file:
        file.write(b'{"at":1.5,"client":"pd')
    assert read(path) == [ASKED]


def test_a_second_driver_goes_on_where_the_first_one_ended(tmp_path: Path) -> None:
    for entry in (ASKED, ANSWERED):
        history = History(tmp_path / "history.jsonl")
        history.write(entry)
        history.close()
    assert read(tmp_path / "history.jsonl") == [ASKED, ANSWERED]


def test_an_operation_is_open_until_every_try_was_answered() -> None:
    lost = Entry(1.0, "pd 1", "unknown", "submit_request", "k")
    (first,) = operations([ASKED, lost])
    assert first.open
    (retried,) = operations([ASKED, lost, ASKED, ANSWERED])
    assert retried.open
    (answered,) = operations([ASKED, ANSWERED])
    assert not answered.open
