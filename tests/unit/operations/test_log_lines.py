"""One line per event, readable by machines and people, whatever is in it."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from shared.operations.logging import LogFormat, configure_logging, correlated

CORRELATION = UUID("4c8fd7a5-5bc8-5b2e-bd88-41f1de1b1bbd")
FORGERIES = [
    "\n",
    "\r",
    "\r\n",
    "\x1b[2J",
    "\x85",
    "\u2028",
    "\u2029",
    "\x00",
    "\u202e",
    "\x0b",
    "\x0c",
    "\ud800",
]


@dataclass(frozen=True)
class Person:
    name: str


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)


def lines(output: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().decode().splitlines()]


def logging_to(log_format: LogFormat = "json") -> tuple[io.BytesIO, Any]:
    output = io.BytesIO()
    configure_logging("intake", log_format, output)
    return output, structlog.get_logger("test")


def test_a_line_says_when_what_where_and_for_whom() -> None:
    output, log = logging_to()
    with correlated(CORRELATION, stream="r-1"):
        log.info("request_submitted", version=1, due_at=datetime(2026, 11, 23, tzinfo=UTC))
    (line,) = lines(output)
    at = datetime.fromisoformat(line.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 5
    assert line == {
        "level": "info", "service": "intake", "event": "request_submitted", "logger": "test", "version": 1,
        "correlation_id": str(CORRELATION), "stream": "r-1", "due_at": "2026-11-23T00:00:00+00:00",
    }  # fmt: skip


def test_the_correlation_ends_with_its_block() -> None:
    output, log = logging_to()
    with correlated(CORRELATION):
        pass
    log.info("later")
    assert "correlation_id" not in lines(output)[0]


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_nothing_that_was_sent_begins_a_line_of_its_own(
    log_format: LogFormat, forgery: str
) -> None:
    output, log = logging_to(log_format)
    forged = f"x{forgery}12:00:00 intake error paid"
    log.info(forged, reason=forged, nested={"a": [forged]}, **{f"k{forgery}": 1})
    text = output.getvalue().decode("utf-8")
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


def test_personal_fields_are_hidden_wherever_they_are() -> None:
    output, log = logging_to()
    log.warning(
        "mail sent to budi@gmail.com", email="x", person=Person("Budi"), many=[Person("Budi")]
    )
    assert b"budi" not in output.getvalue().lower()
    assert lines(output)[0]["person"] == "<Person>"


def test_an_exception_is_told_with_its_place_and_causes_and_no_values() -> None:
    output, log = logging_to()
    try:
        try:
            int("Budi")
        except ValueError as cause:
            raise RuntimeError("mail to budi@gmail.com") from cause
    except RuntimeError:
        log.exception("work_failed")
    (line,) = lines(output)
    assert "RuntimeError: mail to ***" in line["exception"]
    assert "test_log_lines.py:" in line["exception"]
    assert "caused by ValueError" in line["exception"]
    assert "exc_info" not in line


def test_a_terminal_shows_the_exception_indented() -> None:
    output, log = logging_to("console")
    log.error("work_failed", exc_info=ValueError("a\nb"), subject="two words")
    text = output.getvalue().decode().splitlines()
    assert text[0].endswith('intake error   work_failed subject="two words" logger=test')
    assert all(line.startswith("    ") for line in text[1:])


def test_what_libraries_log_takes_the_same_way_out() -> None:
    output, _ = logging_to()
    logging.getLogger("asyncio").error("Task %s of budi@gmail.com", 7, exc_info=ValueError("x"))
    logging.getLogger("aiokafka.consumer").info("Updating subscribed topics")
    logging.getLogger("uvicorn.access").error("GET /permintaan/123")
    logging.getLogger("elsewhere").warning("odd\nthing")
    logging.getLogger("elsewhere").log(35, "between levels")
    logging.getLogger("elsewhere").warning("broken %d", "x")
    first, second, third = lines(output)
    assert (first["event"], first["logger"]) == ("library_message", "asyncio")
    assert (first["level"], first["message"]) == ("error", "Task 7 of ***")
    assert "ValueError" in first["exception"]
    assert (second["message"], third["level"]) == ("odd\nthing", "warning")


def test_warnings_are_lines_too() -> None:
    output, _ = logging_to()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert lines(output)[0]["logger"] == "py.warnings"


def test_faststream_s_extra_fields_are_fields() -> None:
    output, log = logging_to()
    log.log(logging.WARNING, "Received", extra={"topic": "t", "event": "no"}, exc_info=None)
    log.log(logging.DEBUG, "Processed", extra={})
    (line,) = lines(output)
    assert (line["topic"], line["event"], line["level"]) == ("t", "Received", "warning")


def test_no_value_is_too_odd_to_log() -> None:
    output, log = logging_to()
    odd = [
        10**30,
        {1: 2},
        {("a",): 1},
        {"x"},
        Decimal(1),
        Path("/x"),
        object(),
        float("nan"),
        b"x",
        ValueError("v"),
    ]
    for value in [*odd, "\ud800"]:
        log.info("odd", value=value)
    assert len(lines(output)) == len(odd) + 1
    assert lines(output)[5]["value"] == "/x"


def test_an_uncaught_exception_is_a_line() -> None:
    output, _ = logging_to()
    error = ValueError("budi@gmail.com")
    sys.excepthook(ValueError, error, None)
    assert lines(output)[0]["event"] == "process_failed"
    assert b"budi" not in output.getvalue()
