"""One line per event, with the correlation id of its request or fact, without personal data.

structlog is used natively, at a third of the cost of going through the standard library (measured);
what libraries log through `logging` takes the same way out.
"""

import logging
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Literal
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.operations.log_lines import exception_text, render_console, render_json
from shared.operations.redaction import redact

LogFormat = Literal["json", "console"]

_LIBRARY_LEVELS = {
    "uvicorn.access": logging.CRITICAL,  # ours has the route, not the address
    "uvicorn": logging.WARNING,
    "aiokafka": logging.WARNING,
    "faststream": logging.ERROR,  # warns at each start that it creates no topics: so it shall be
    "asyncio": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "python_multipart": logging.ERROR,  # warns of every malformed upload and quotes it
}
_TRIES_AGAIN = "aiokafka"  # calls an error what it then does again; what it gives up, it raises
_LEVEL_NAMES = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def configure_logging(
    service: str, log_format: LogFormat | None = None, stream: BinaryIO | None = None
) -> None:
    """Once, first thing in a process. Without a format: readable on a terminal, JSON elsewhere."""
    output = stream or sys.stdout.buffer
    terminal = output.isatty()
    console = log_format == "console" or (log_format is None and terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_logger,
            _flatten_extra,
            _describe_exception,
            _redact,
            _stamp(service),
            render_console(colours=terminal) if console else render_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging()
    sys.excepthook = _log_uncaught


def correlated(correlation_id: UUID | str, **fields: object) -> AbstractContextManager[None]:
    """Every line logged inside carries the correlation id, and these fields (ids only)."""
    return bound_contextvars(correlation_id=str(correlation_id), **fields)


def _add_logger(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if name := getattr(logger, "name", None):
        event.setdefault("logger", name)
    return event


def _flatten_extra(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """FastStream passes topic, group and message id as `extra`."""
    if isinstance(extra := event.pop("extra", None), dict):
        for key, value in extra.items():
            event.setdefault(str(key), value)
    return event


def _describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error is not None and not isinstance(error, BaseException):
        error = sys.exc_info()[1] if error else None
    if isinstance(error, BaseException):
        event["exception"] = exception_text(error)
    event.pop("stack_info", None)
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return redact(event)


def _stamp(service: str) -> Processor:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "at": at,
            "level": event.pop("level", "info"),
            "service": service,
            "event": event.pop("event", ""),
            **event,
        }

    return stamp


class _ToStructlog(logging.Handler):
    """Hands on what libraries log; their `extra` only repeats the message."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            most = logging.WARNING if record.name.startswith(_TRIES_AGAIN) else logging.CRITICAL
            level = min(most, max(10, record.levelno // 10 * 10))
            write = getattr(structlog.get_logger(record.name), _LEVEL_NAMES[level])
            write("library_message", message=record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - logging must never be the reason why work fails
            self.handleError(record)


def _route_standard_logging() -> None:
    logging.captureWarnings(capture=True)
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)
    for name, level in _LIBRARY_LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("process").critical("process_failed", exc_info=error)
