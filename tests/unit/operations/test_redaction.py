"""No personal datum and no secret gets into a log, by the key it is under or the pattern it has."""

from uuid import UUID

import asyncpg
import pytest
from pydantic import BaseModel, ValidationError

from shared.operations.redaction import HIDDEN, describe, redact, redact_text
from shared.web.tracking import TrackingKeys

CODE = TrackingKeys({1: bytes(32)}).code("request", UUID(int=1))


@pytest.mark.parametrize(
    "key",
    [
        "name", "Name", "nip", "email", "phone", "address", "narrative", "Authorization", "tracking_code",
        "Tracking-Code",
        "contact_email", "administrator_phone", "complainant_name", "officer_name", "access_token", "password", "dsn",
    ],
)  # fmt: skip
def test_a_personal_field_is_hidden(key: str) -> None:
    assert redact({key: "Budi Santoso"}) == {key: HIDDEN}
    assert redact({"request": {"people": [{key: "Budi Santoso"}]}}) == {
        "request": {"people": [{key: HIDDEN}]}
    }


@pytest.mark.parametrize(
    "key", ["event", "topic_name", "request_id", "route", "stream", "reason", "file_name", "entry"]
)
def test_other_fields_stay(key: str) -> None:
    assert redact({key: "DC-2026-000123"}) == {key: "DC-2026-000123"}


@pytest.mark.parametrize(
    "secret",
    [
        "budi.santoso@gmail.com", "198001012005011001", "19800101 200501 1 001", "0812-3456-7890", "+6281234567890",
        "Bearer abcdef123456", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", CODE, CODE.lower(),
    ],
)  # fmt: skip
def test_what_looks_personal_is_hidden_in_any_text(secret: str) -> None:
    assert redact_text(f"before {secret} after") == f"before {HIDDEN} after"
    assert redact_text(f"({secret})") == f"({HIDDEN})"


def test_a_password_in_an_address_is_hidden() -> None:
    shown = redact_text("postgresql://intake:hunter2@127.0.0.1:5432/intake")
    assert "hunter2" not in shown
    assert "/intake" in shown


@pytest.mark.parametrize(
    "text",
    [
        "4c8fd7a5-5bc8-5b2e-bd88-41f1de1b1bbd", "DC-2026-000123", "2026-11-23T10:00:00.000000+07:00", "127.0.0.1:9092",
        "datacloud.requests.v1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00000000-0812-4567-8901-234567890123",
    ],
)  # fmt: skip
def test_ids_and_times_stay_readable(text: str) -> None:
    assert redact_text(text) == text


def test_bytes_depth_and_length_are_bounded() -> None:
    nested: dict[str, object] = {"a": 1}
    for _ in range(20):
        nested = {"a": nested}
    assert "nested too deeply" in str(redact(nested))
    assert redact({"value": b"Budi"}) == {"value": "<4 bytes>"}
    assert len(redact_text("x" * 1_000_000)) < 10_000


def test_an_exception_is_described_without_what_it_quotes() -> None:
    class Person(BaseModel):
        age: int

    with pytest.raises(ValidationError) as refused:
        Person.model_validate({"age": "Budi Santoso"})
    assert describe(refused.value) == "ValidationError(age: int_parsing)"

    taken = asyncpg.UniqueViolationError('duplicate key value violates unique constraint "p"')
    taken.__dict__.update(detail="Key (name)=(Budi) already exists.", constraint_name="p")
    assert describe(taken) == (
        'UniqueViolationError(23505, p): duplicate key value violates unique constraint "p"'
    )
    invalid = asyncpg.InvalidTextRepresentationError('invalid input syntax: "Budi"')
    assert describe(invalid) == "InvalidTextRepresentationError(22P02)"
    assert describe(ValueError()) == "ValueError"
    assert describe(ValueError("to budi@gmail.com")) == f"ValueError: to {HIDDEN}"
