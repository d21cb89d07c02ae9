"""`python -m shared.contracts.generate`: the JSON schema and the golden files of every fact.

Schemas follow the classes. A golden file is what was once said, so it is written once and never again: code that
cannot read it cannot read the topics. Look at the difference before committing it; consumers will live with it.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.fact import Fact
from shared.contracts.registry import FACTS, ce_type_of, schema_id

PACKAGE = Path(__file__).parent
SCHEMAS, GOLDEN = PACKAGE / "schemas", PACKAGE / "golden"

_NAMESPACE = UUID("0d0c2022-0009-4000-8000-000000000000")  # only for the ids in golden files

Schema = Mapping[str, Any]


class Fill(Enum):
    """How much of a fact its golden file says: everything, or what must be there."""

    COMPLETE = ""
    REQUIRED = ".required"


def schemas() -> dict[str, str]:
    """File name -> JSON schema, closed as a producer must keep it; readers pass over what they do not know."""
    return {f"{ce_type_of(fact)}.json": _pretty(schema(fact)) for fact in FACTS}


def goldens(facts: Iterable[type[Fact]] = FACTS) -> dict[str, str]:
    """File name -> a fact with invented ids and numbers, the same every time."""
    return {
        f"{ce_type_of(fact)}{fill.value}.json": _pretty(_record(schema(fact), schema(fact), fill))
        for fact in facts
        for fill in Fill
    }


def schema(fact: type[Fact]) -> Schema:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id(ce_type_of(fact)),
    }
    return head | fact.model_json_schema()


def _record(part: Schema, whole: Schema, fill: Fill) -> Mapping[str, object]:
    return {
        name: _value(name, field, whole, fill)
        for name, field in part["properties"].items()
        if name in part["required"] or fill is Fill.COMPLETE or "const" in field
    }


def _value(name: str, field: Schema, whole: Schema, fill: Fill) -> object:
    match field:
        case {"examples": [example, *_]} | {"const": example} | {"enum": [example, *_]}:
            return example
        case {"format": "uuid"}:
            return str(uuid5(_NAMESPACE, name))
        case {"type": "boolean"}:
            return True
        case {"anyOf": [_, {"type": "null"}]} if fill is Fill.REQUIRED:
            return None
        case {"oneOf": [*_, last]} if fill is Fill.REQUIRED:
            return _value(name, last, whole, fill)
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return _value(name, first, whole, fill)
        case {"$ref": reference}:
            return _record(whole["$defs"][reference.removeprefix("#/$defs/")], whole, fill)
        case _:
            raise LookupError(f"no sample for {name}: {field}")


def _pretty(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(package: Path) -> list[str]:
    """Write the schemas that differ and the golden files that are missing; say which."""
    written = []
    for folder, files, kept in (("schemas", schemas(), False), ("golden", goldens(), True)):
        (package / folder).mkdir(exist_ok=True)
        for name, text in files.items():
            path = package / folder / name
            if not path.exists() or (not kept and path.read_text() != text):
                path.write_text(text)
                written.append(f"{folder}/{name}")
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"written: {name}\n" for name in write(PACKAGE))
