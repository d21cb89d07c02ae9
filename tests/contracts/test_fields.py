"""No fact can hold personal data, and each says by itself which request or complaint it is about."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.complaints.forms import REQUEST_NUMBER, ComplaintForm
from shared.contracts import fact as words
from shared.contracts.fact import Fact
from shared.contracts.facts.clock import DeadlineFact
from shared.contracts.generate import GOLDEN, Schema, schema
from shared.contracts.registry import FACTS, decode
from shared.contracts.subjects import (
    ComplaintFact,
    ComplaintSubject,
    RequestFact,
    RequestSubject,
)

TEXTS = {
    words.AgencyCode,
    words.Code,
    words.Decree,
    words.LetterNumber,
    words.PlatformKey,
    words.RegistrationNumber,
}
PATTERNS = {TypeAdapter(kind).json_schema()["pattern"] for kind in TEXTS}
OF_A_PERSON = {
    "address", "alamat", "birth", "body", "email", "mail", "nama", "narrative", "nik", "nip",
    "officer", "person", "phone", "position", "sex", "telephone", "text", "whatsapp", "words",
}  # fmt: skip


def fields(part: Schema, whole: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in part["properties"].items():
        for kind in field.get("anyOf", field.get("oneOf", [field])):
            if "$ref" in kind:
                yield from fields(whole["$defs"][kind["$ref"].removeprefix("#/$defs/")], whole)
            else:
                yield name, kind


@pytest.mark.parametrize("fact", FACTS)
def test_a_field_is_an_id_a_time_a_number_a_flag_or_a_word_of_ours(fact: type[Fact]) -> None:
    for name, kind in fields(schema(fact), schema(fact)):
        if kind["type"] == "string":
            closed = "enum" in kind or "const" in kind or kind.get("pattern") in PATTERNS
            assert closed or kind.get("format") in {"uuid", "date", "date-time"}, name
        else:
            assert kind["type"] in {"integer", "boolean", "null"}, name


@pytest.mark.parametrize("fact", FACTS)
def test_what_concerns_a_person_is_an_id(fact: type[Fact]) -> None:
    for name, kind in fields(schema(fact), schema(fact)):
        if OF_A_PERSON & set(name.split("_")):
            assert name.endswith("_id"), name
            assert kind.get("format") == "uuid" or kind["type"] == "null", name


@pytest.mark.parametrize(
    "personal",
    [
        "Budi Santoso", "budi@kalbarprov.go.id", "Jl. Ahmad Yani, Pontianak", "+62 812-3456-7890",
        "Ibu Kepala Dinas\n", "Yth. Bapak",
    ],
)  # fmt: skip
def test_names_addresses_and_free_texts_fit_no_kind_of_text_but_the_decrees(personal: str) -> None:
    for kind in TEXTS - {words.Decree, words.LetterNumber}:
        with pytest.raises(ValueError, match="pattern"):
            TypeAdapter(kind).validate_python(personal)


@given(st.from_regex(REQUEST_NUMBER, fullmatch=True))
def test_a_number_that_a_form_takes_can_be_said_in_a_fact(number: str) -> None:
    assert TypeAdapter(words.RegistrationNumber).validate_python(number) == number


@pytest.mark.parametrize(("digits", "taken"), [(5, False), (6, True), (12, True), (13, False)])
def test_a_form_takes_as_many_digits_as_a_fact_can_say(digits: int, taken: bool) -> None:
    number = f"DC-2026-{'1' * digits}"
    form = {"channel": "contact_page", "narrative": "x", "anonymous": True}
    try:
        ComplaintForm.model_validate(form | {"request_number": number})
    except ValidationError:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_repeats_the_ids_of_what_it_is_about(fact: type[Fact]) -> None:
    assert (
        issubclass(fact, RequestFact | ComplaintFact)
        or fact.model_fields["subject"].annotation == RequestSubject | ComplaintSubject
    )


def test_what_a_fact_about_a_request_or_complaint_repeats() -> None:
    assert set(RequestFact.model_fields) == {
        "request_id", "registration_number", "agency_code", "kind", "administrator_id", "contact_id",
    }  # fmt: skip
    assert set(ComplaintFact.model_fields) == {
        "complaint_id", "registration_number", "complainant_id", "channel", "category", "confidential",
    }  # fmt: skip
    assert set(DeadlineFact.model_fields) == {"subject", "name", "cycle", "due_on", "breach_at"}


def test_a_deadline_names_the_stream_it_belongs_to_whatever_the_subject() -> None:
    for name, key in (("", "request_id"), (".required", "complaint_id")):
        said = (GOLDEN / f"datacloud.deadline_breached.v1{name}.json").read_bytes()
        heard = decode("datacloud.deadline_breached.v1", said)
        assert isinstance(heard, DeadlineFact)
        assert heard.subject.subject_id == getattr(heard.subject, key)
