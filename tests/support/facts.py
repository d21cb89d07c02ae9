"""Any fact at all: what hypothesis may build from the schemas of the contracts."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from hypothesis import strategies as st

from shared.contracts.fact import Fact
from shared.contracts.generate import schema
from shared.contracts.registry import FACTS

_INSTANTS = st.integers(946_684_800, 7_258_118_399).map(partial(datetime.fromtimestamp, tz=UTC))
_DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 31))


def contents(fact: type[Fact]) -> st.SearchStrategy[dict[str, Any]]:
    """What a producer may say in a fact of this class, as JSON, optional fields sometimes left out."""
    return _record(schema(fact), schema(fact))


def any_fact() -> st.SearchStrategy[tuple[type[Fact], dict[str, Any]]]:
    """A class of ours, and content for it."""
    return st.sampled_from(FACTS).flatmap(lambda fact: st.tuples(st.just(fact), contents(fact)))


def _record(part: Mapping[str, Any], whole: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: _value(field, whole) for name, field in part["properties"].items()}
    needed = {
        *part["required"],
        *(name for name, field in part["properties"].items() if "const" in field),
    }
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in needed},
        optional={name: value for name, value in fields.items() if name not in needed},
    )


def _value(field: Mapping[str, Any], whole: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match field:
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"anyOf": kinds} | {"oneOf": kinds}:
            return st.one_of([_value(kind, whole) for kind in kinds])
        case {"$ref": reference}:
            return _record(whole["$defs"][reference.removeprefix("#/$defs/")], whole)
        case {"pattern": pattern}:
            return st.from_regex(pattern.removesuffix("$") + r"\Z")
        case {"format": "uuid"}:
            return st.uuids().map(str)
        case {"format": "date"}:
            return _DAYS.map(date.isoformat)
        case {"format": "date-time"}:
            return _INSTANTS.map(datetime.isoformat)
        case {"minimum": low, "maximum": high}:
            return st.integers(low, high)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
        case _:
            raise LookupError(field)
