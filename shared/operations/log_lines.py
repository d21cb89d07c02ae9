"""An event becomes one line; nothing anybody sent can begin a line of its own (ASVS 16.4.1)."""

import json
import traceback
from pathlib import Path
from typing import Any

import orjson
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.operations.redaction import describe

_FRAMES_MAX = 30
_CAUSES_MAX = 5
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
# Valid inside JSON, yet line ends to many readers (str.splitlines among them).
_UNICODE_LINE_ENDS = {"\u0085": b"\\u0085", "\u2028": b"\\u2028", "\u2029": b"\\u2029"}


def render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Never raises: json writes what orjson refuses (large integers, lone surrogates)."""
    try:
        line = orjson.dumps(
            event, default=_name, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
        )
    except (TypeError, ValueError):
        return json.dumps(event, default=_name, skipkeys=True).encode("ascii")
    for character, escaped in _UNICODE_LINE_ENDS.items():
        line = line.replace(character.encode(), escaped)
    return line


def render_console(*, colours: bool) -> Processor:
    """For a terminal: time (UTC), level, event, then key=value; an exception follows indented."""

    def render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
        at, level, service = (str(event.pop(key, "")) for key in ("at", "level", "service"))
        name, exception = event.pop("event", ""), event.pop("exception", None)
        head = f"{at[11:19]} {service} {level:<7} {_printable(name)}"
        if colours:
            head = f"\x1b[{_COLOURS.get(level, '0')}m{head}\x1b[0m"
        fields = "".join(f" {_printable(key)}={_field(value)}" for key, value in event.items())
        lines = [head + fields]
        if exception:
            lines += [f"    {_printable(line)}" for line in str(exception).splitlines()]
        return "\n".join(lines).encode("utf-8", "backslashreplace")

    return render


def exception_text(error: BaseException) -> str:
    """What it was and where it came from, causes last; no values of variables, no quoted input."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < _CAUSES_MAX:
        frames = traceback.extract_tb(cause.__traceback__)[-_FRAMES_MAX:]
        where = [f"  {_place(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
        parts.append("\n".join([describe(cause), *where]))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\ncaused by ".join(parts)


def _place(filename: str) -> str:
    parts = Path(filename).parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    return "/".join(parts[-3:])


def _field(value: object) -> str:
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, default=_name, ensure_ascii=False, skipkeys=True)
    )
    text = _printable(text)
    return f'"{text}"' if " " in text and isinstance(value, str) else text


def _printable(text: Any) -> str:  # noqa: ANN401 - whatever was logged
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode()
        for each in shown
    )


def _name(value: object) -> str:
    """Paths and exceptions by text, all else by type: an object's repr may hold a person's data."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseException):
        return describe(value)
    if type(value).__module__ in {"uuid", "datetime", "decimal", "ipaddress"}:
        return str(value)
    return f"<{type(value).__name__}>"
