"""Promise P6 on the wire: today's code reads every fact that was ever said, and schemas tell what the classes hold."""

import json
from pathlib import Path

import pytest

from shared.contracts.fact import Fact
from shared.contracts.generate import GOLDEN, SCHEMAS, goldens, schemas, write
from shared.contracts.registry import FACTS, ce_type_of, decode, encode

REGENERATE = "run: python -m shared.contracts.generate, and look at the difference"


def stored(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_every_golden_fact_is_read_by_todays_code(path: Path) -> None:
    ce_type = path.name.removesuffix(".json").removesuffix(".required")
    said = json.loads(path.read_text())
    heard = json.loads(encode(decode(ce_type, path.read_bytes())))
    assert heard | said == heard


def test_every_fact_has_a_complete_and_a_required_golden_file() -> None:
    assert goldens().keys() <= stored(GOLDEN).keys(), REGENERATE


def test_schemas_in_the_repository_are_those_of_the_classes() -> None:
    assert stored(SCHEMAS) == schemas(), REGENERATE


def test_every_fact_says_what_it_means() -> None:
    for fact in FACTS:
        assert fact.__doc__, ce_type_of(fact)


def test_a_new_optional_field_does_not_change_what_must_be_there() -> None:
    for name, text in goldens().items():
        if name.endswith(".required.json"):
            must = json.loads((SCHEMAS / name.replace(".required", "")).read_text())["required"]
            assert must == list(json.loads(text)), name


def test_what_was_once_said_is_never_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    golden = tmp_path / "golden" / "datacloud.request_closed.v1.json"
    schema = tmp_path / "schemas" / "datacloud.request_closed.v1.json"
    for path in (golden, schema):
        path.write_text("as it was")
    assert write(tmp_path) == ["schemas/datacloud.request_closed.v1.json"]
    assert golden.read_text() == "as it was"


def test_a_field_of_a_new_kind_must_bring_an_example() -> None:
    class Odd(Fact):
        at_random: float

    with pytest.raises(LookupError, match="no sample for at_random"):
        goldens([Odd])
