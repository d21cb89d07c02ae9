"""What holds for every file: small enough to read, named for what it is, its exceptions explained, at home anywhere."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.support.sources import ROOT, files, name_of, parsed, python_files

PRODUCT = python_files("shared", "services", "deploy")
TESTS = python_files("tests")

LINES_MAX, TEST_LINES_MAX, FUNCTION_LINES_MAX = 350, 400, 60
NAMES_THAT_SAY_NOTHING = {
    "base", "common", "helper", "helpers", "lib", "manager", "misc", "processor", "service",
    "services", "stuff", "util", "utils",
}  # fmt: skip
HAPPENED_TO_A_ROW = re.compile(r"(Updated|Changed|Processed|Inserted|StatusSet|ChangedTo\w+)$")
A_SENTENCE = re.compile(r"test_[a-z0-9]+(_[a-z0-9]+){2,}")

# Written so that this file does not itself name what it forbids.
MACHINE_PATHS = re.compile(r"/[w]ork/|/[f]arm/|/[h]ome/\w|/[U]sers/\w")
PACKAGE_INDEXES = re.compile(r"https?://[a-z0-9.-]*(pypi|npmj|maven|golang|crates|debian|pythonh)")
REPLACED = re.compile(r"unittest[.]mock|mocker[.]|Magic[M]ock")

NOQA = re.compile(r"#\s*noqa\b")
NOQA_WITH_REASON = re.compile(r"#\s*noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)* - \S+")
IGNORE = re.compile(r"#\s*type:\s*ignore")
IGNORE_WITH_REASON = re.compile(r"#\s*type: ignore\[[a-z, -]+\]  # \S+")


def none(found: Collection[object]) -> None:
    """Fails with one finding a line: whoever broke the rule should not have to search."""
    assert not found, "\n" + "\n".join(map(str, found))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def classes(path: Path) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def numbered(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines(path), start=1):
        yield f"{name_of(path)}:{number}", line


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    limits = [(path, LINES_MAX) for path in PRODUCT] + [(path, TEST_LINES_MAX) for path in TESTS]
    none(
        [
            f"{name_of(path)}: {len(lines(path))} lines"
            for path, limit in limits
            if len(lines(path)) > limit
        ]
    )


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = [
        (f"{name_of(path)}:{each.name}", (each.end_lineno or 0) - each.lineno + 1)
        for path in PRODUCT + TESTS
        for each in functions(path)
    ]
    none([f"{name}: {length} lines" for name, length in lengths if length > FUNCTION_LINES_MAX])


def test_a_file_that_is_not_needed_is_absent() -> None:
    empty = [name_of(path) for path in files() if path.stat().st_size == 0]
    empty += [
        name_of(path)
        for path in PRODUCT
        if path.name != "__init__.py" and len(parsed(path).body) <= 1
    ]
    none(empty)


def test_every_module_says_what_it_promises() -> None:
    silent = [name_of(path) for path in PRODUCT + TESTS if not ast.get_docstring(parsed(path))]
    none(silent)


def test_names_say_what_a_thing_is() -> None:
    hollow = [
        name_of(path)
        for path in PRODUCT + TESTS
        if NAMES_THAT_SAY_NOTHING & {path.stem, path.parent.name} - {"services"}
    ]
    hollow += [
        f"{name_of(path)}:{each.name}"
        for path in PRODUCT
        for each in classes(path)
        if re.search(r"(Manager|Helper|Helpers|Utils?|Processor|Base)$", each.name)
    ]
    none(hollow)


def test_events_and_facts_say_what_happened_not_that_a_row_changed() -> None:
    said = [*ROOT.glob("services/*/events.py"), *python_files("shared/contracts/facts")]
    rows = [
        each.name for path in said for each in classes(path) if HAPPENED_TO_A_ROW.search(each.name)
    ]
    none(rows)


def test_a_tests_name_is_a_sentence() -> None:
    codes = [
        f"{name_of(path)}:{function.name}"
        for path in TESTS
        for function in functions(path)
        if function.name.startswith("test") and not A_SENTENCE.fullmatch(function.name)
    ]
    none(codes)


def test_tests_do_not_replace_our_own_functions() -> None:
    replaced = [place for path in TESTS for place, line in numbered(path) if REPLACED.search(line)]
    none(replaced)


@pytest.mark.parametrize(
    ("exception", "explained"), [(NOQA, NOQA_WITH_REASON), (IGNORE, IGNORE_WITH_REASON)]
)
def test_every_exception_from_a_rule_has_a_reason(
    exception: re.Pattern[str], explained: re.Pattern[str]
) -> None:
    bare = [
        place
        for path in PRODUCT + TESTS
        for place, line in numbered(path)
        if exception.search(line) and not explained.search(line) and path != Path(__file__)
    ]
    none(bare)


def test_every_ignored_rule_has_a_reason_beside_it() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    ignored = re.search(r"^ignore = \[\n(.*?)^\]", settings, re.MULTILINE | re.DOTALL)
    assert ignored
    none([line for line in ignored[1].splitlines() if "# " not in line])


@pytest.mark.parametrize("forbidden", [MACHINE_PATHS, PACKAGE_INDEXES], ids=["paths", "indexes"])
def test_nothing_names_a_machine_or_a_package_index(forbidden: re.Pattern[str]) -> None:
    named = []
    for path in files():
        try:
            named += [place for place, line in numbered(path) if forbidden.search(line)]
        except UnicodeDecodeError:
            continue
    none(named)


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(lines(ROOT / "README.md")) <= 200
