"""A tracking code opens its own case and no other, survives the rotation of keys, and is stored nowhere."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.settings import SettingsRefused
from shared.web.tracking import TrackingKeys

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
KEYS = TrackingKeys({1: OLD})
ROTATED = TrackingKeys({1: OLD, 2: NEW})
CASE = UUID("00000000-0000-4000-8000-000000000001")
OTHER = UUID("00000000-0000-4000-8000-000000000002")


def test_a_code_never_changes() -> None:
    assert KEYS.code("request", CASE) == "k1-58F07-RPGXE-VWM36-C74HM-7DM1SE"


def test_a_code_opens_its_case_only() -> None:
    code = KEYS.code("request", CASE)
    assert KEYS.opens(code, "request", CASE)
    assert not KEYS.opens(code, "request", OTHER)
    assert not KEYS.opens(code, "complaint", CASE)


def test_a_code_is_read_as_people_copy_it() -> None:
    code = KEYS.code("request", CASE)
    assert KEYS.opens(f" {code.lower()} ", "request", CASE)
    assert KEYS.opens(code.replace("1", "l").replace("0", "o").replace("kl", "k1"), "request", CASE)
    assert KEYS.opens(code[:3] + code[3:].replace("-", " "), "request", CASE)
    assert KEYS.opens(code[:3] + code[3:].replace("-", ""), "request", CASE)


def test_new_codes_use_the_newest_key_and_old_ones_still_open() -> None:
    old, new = KEYS.code("request", CASE), ROTATED.code("request", CASE)
    assert (old[:3], new[:3]) == ("k1-", "k2-")
    assert ROTATED.opens(old, "request", CASE)
    assert ROTATED.opens(new, "request", CASE)
    assert not TrackingKeys({2: NEW}).opens(old, "request", CASE)
    assert not ROTATED.opens("k2" + old[2:], "request", CASE)


@given(st.one_of(st.none(), st.text(max_size=120)))
def test_whatever_else_is_sent_opens_nothing(code: str | None) -> None:
    assert not KEYS.opens(code, "request", CASE)


@given(st.integers(0, 40), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_code_with_one_other_symbol_opens_nothing(place: int, symbol: str) -> None:
    code = KEYS.code("request", CASE)
    place = 3 + place % (len(code) - 3)
    changed = code[:place] + symbol + code[place + 1 :]
    assert KEYS.opens(changed, "request", CASE) == (changed == code)


def test_marks_survive_the_addition_of_a_key() -> None:
    assert KEYS.body_mark("request", b"{}") == ROTATED.body_mark("request", b"{}")
    assert KEYS.key_mark("request", "a") == ROTATED.key_mark("request", "a")
    assert KEYS.case_id("request", "a") == ROTATED.case_id("request", "a")


def test_marks_of_different_things_differ() -> None:
    marks = {
        KEYS.body_mark("request", b"a"), KEYS.body_mark("request", b"b"), KEYS.body_mark("complaint", b"a"),
        KEYS.key_mark("request", "a"), KEYS.key_mark("complaint", "a"), KEYS.key_mark("requesta", ""),
        TrackingKeys({1: NEW}).body_mark("request", b"a"), TrackingKeys({3: OLD}).body_mark("request", b"a"),
    }  # fmt: skip
    assert len(marks) == 8
    assert all(mark.partition("-")[0] in {"1", "3"} for mark in marks)


def test_the_id_of_a_case_is_a_uuid_nobody_chose() -> None:
    case = KEYS.case_id("request", "a")
    assert (case.version, case.variant) == (8, "specified in RFC 4122")
    assert case != KEYS.case_id("complaint", "a")
    assert case != TrackingKeys({1: NEW}).case_id("request", "a")


def test_keys_are_read_from_a_file_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# rotated in November\n1:{OLD.hex()}\n\n2:{NEW.hex().upper()}\n")
    keys = TrackingKeys.read(file)
    assert keys == ROTATED
    assert OLD.hex() not in repr(keys)
    assert "\\x" not in repr(keys)


@pytest.mark.parametrize(
    "text",
    ["", "# none\n", "1:abcd\n", f"0:{OLD.hex()}\n", f"1:{OLD.hex()}\n1:{NEW.hex()}\n", "secret",
     f"1:{OLD.hex()}0\n", "1:\xe9"],
)  # fmt: skip
def test_a_file_that_is_not_one_of_keys_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsRefused, match="DATACLOUD_SECRET_FILE") as refused:
        TrackingKeys.read(file)
    assert OLD.hex() not in str(refused.value)
