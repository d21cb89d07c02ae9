"""Every fact comes back as it was said, and bytes that are no fact are told apart, whatever they are."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.fact import Code, Count, Fact
from shared.contracts.generate import GOLDEN
from shared.contracts.registry import (
    FACTS,
    REGISTRY,
    UPCASTERS,
    Malformed,
    Registry,
    UnknownType,
    Unreadable,
    ce_type_of,
    decode,
    encode,
)
from tests.support.facts import any_fact

SUBMITTED = "datacloud.request_submitted.v1"
BREACHED = "datacloud.deadline_breached.v1"


def content(ce_type: str = SUBMITTED, **changed: object) -> bytes:
    return json.dumps(json.loads((GOLDEN / f"{ce_type}.json").read_text()) | changed).encode()


@given(any_fact())
def test_a_fact_comes_back_as_it_was_said(said: tuple[type[Fact], dict[str, Any]]) -> None:
    fact_class, fields = said
    fact = decode(ce_type_of(fact_class), json.dumps(fields).encode())
    assert type(fact) is fact_class
    assert decode(ce_type_of(fact_class), encode(fact)) == fact


@given(any_fact(), st.dictionaries(st.text().map("new_".__add__), st.text()))
def test_fields_of_a_newer_producer_are_passed_over(
    said: tuple[type[Fact], dict[str, Any]], newer: dict[str, str]
) -> None:
    fact_class, fields = said
    for part in (fields, fields.get("subject", {})):
        part.update(newer)
    assert type(decode(ce_type_of(fact_class), json.dumps(fields).encode())) is fact_class


def test_a_producer_cannot_say_a_field_the_contract_does_not_have() -> None:
    for fact_class in FACTS:
        assert fact_class.model_config.get("extra") == "forbid"
        assert fact_class.model_config.get("frozen")
        assert fact_class.model_config.get("strict")


def test_the_type_on_the_wire_is_the_class_in_snake_case_with_its_version() -> None:
    assert [ce_type_of(fact) for fact in FACTS][:2] == [
        "datacloud.request_submitted.v1",
        "datacloud.request_resubmitted.v1",
    ]
    assert len(REGISTRY.classes) == len(FACTS)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    .map(json.dumps)
    .map(str.encode),
    st.sampled_from(FACTS),
)
def test_whatever_the_bytes_are_nothing_but_unreadable_is_raised(
    value: bytes, fact_class: type[Fact]
) -> None:
    with pytest.raises(Unreadable):
        decode(ce_type_of(fact_class), value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "json_invalid"),
        (b"null", "model_type"),
        (b"[]", "model_type"),
        (b"\xff\xfe", "json_invalid"),
        (content()[:-1], "json_invalid"),
        (content() + b"{}", "json_invalid"),
        (b"[" * 5000 + b"]" * 5000, "json_invalid"),
        (b'{"x":' * 5000 + b"1" + b"}" * 5000, "json_invalid"),
        (content(agency_code="BAP\x00PEDA"), "string_pattern_mismatch"),
        (content(agency_code="BAP\u202ePEDA"), "string_pattern_mismatch"),
        (content(agency_code="BAPPEDA\n"), "string_pattern_mismatch"),
        (content(agency_code="A" * 10_000), "string_pattern_mismatch"),
        (content(registration_number=["DC-2026-000123"]), "string_type"),
        (content(request_id="c010f754"), "uuid_parsing"),
        (content(kind="close_account"), "literal_error"),
        (content(cycle=0), "greater_than_equal"),
        (content(cycle=True), "int_type"),
        (content(cycle="2"), "int_type"),
        (content(cycle=2.0), "int_type"),
        (content(cycle=2**31), "less_than_equal"),
        (content().replace(b'"cycle": 2', b'"cycle": ' + b"9" * 4000), "less_than_equal"),
        (content().replace(b'"cycle": 2', b'"cycle": 1e999'), "int_type"),
        (content(received_at="2026-11-23T03:00:00"), "timezone_aware"),
        (content(received_at="2026-11-23T10:00:00+07:00"), "timezone_offset"),
        (content(received_at="0001-01-01T00:00:00Z"), "greater_than_equal"),
        (content(received_at="9999-12-31T23:59:59Z"), "less_than"),
        (content(received_at=1_700_000_000), "datetime_type"),
        (content(BREACHED, subject={"type": "officer"}), "union_tag_invalid"),
        (content(BREACHED, subject={}), "union_tag_not_found"),
        (content(BREACHED, due_on="2026-02-30"), "date_parsing"),
    ],
)  # fmt: skip
def test_a_value_that_breaks_its_contract_is_malformed(value: bytes, reason: str) -> None:
    ce_type = BREACHED if b'"due_on"' in value else SUBMITTED
    with pytest.raises(Malformed, match=reason):
        decode(ce_type, value)


def test_what_is_told_of_a_malformed_value_never_holds_the_value() -> None:
    with pytest.raises(Malformed) as told:
        decode(SUBMITTED, content(agency_code="Budi Santoso, 0812", kind="Jalan Ahmad Yani"))
    assert str(told.value) == "agency_code: string_pattern_mismatch; kind: literal_error"


def test_a_type_nobody_has_a_class_for_is_unknown() -> None:
    with pytest.raises(UnknownType):
        decode("datacloud.request_submitted.v99", content())


class Renamed(Fact):
    """Stands for a fact whose second version renamed a field."""

    version: ClassVar[int] = 2
    reason_code: Code
    attempts: Count


def test_a_former_version_is_brought_up_to_todays() -> None:
    def rename(former: Mapping[str, object]) -> tuple[str, Mapping[str, object]]:
        return "datacloud.renamed.v2", {"reason_code": former["why"], "attempts": 1}

    registry = Registry([Renamed], {"datacloud.renamed.v1": rename})
    expected = Renamed(reason_code="gone", attempts=1)
    assert registry.decode("datacloud.renamed.v1", b'{"why": "gone"}') == expected
    for broken in (b"{}", b"[]", b"nul", b'{"why": "\\u0000"}', b'{"why": ' + b"9" * 4000 + b"}"):
        with pytest.raises(Malformed):
            registry.decode("datacloud.renamed.v1", broken)


def test_every_upcaster_leads_away_from_a_type_without_a_class() -> None:
    assert not UPCASTERS.keys() & REGISTRY.classes.keys()


@pytest.mark.parametrize(("ce_type", "name"), [(SUBMITTED, b"agency_code"), (BREACHED, b"kind")])
def test_a_field_said_twice_is_refused_because_readers_would_differ(
    ce_type: str, name: bytes
) -> None:
    twice = content(ce_type).replace(b'"%b"' % name, b'"new": 1, "new": 2, "%b"' % name)
    with pytest.raises(Malformed, match="ambiguous_json"):
        decode(ce_type, twice)


def test_a_newer_field_with_a_number_too_large_for_a_double_is_passed_over() -> None:
    newer = content().replace(b'"cycle"', b'"new": 1e999, "cycle"')
    assert decode(SUBMITTED, newer) == decode(SUBMITTED, content())
    with pytest.raises(Malformed, match="ambiguous_json"):
        decode(SUBMITTED, newer.replace(b'"cycle"', b'"new": 1e999, "cycle"'))
