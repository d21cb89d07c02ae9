"""Headers are CloudEvents as the contract says, and reading them never fails: a bad record is told apart, not met."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.envelope import Envelope, Header, Unaddressed, headers, open_envelope

SUBJECT = "c010f754-c464-5fc6-b338-2b841ece8c46"
KEY = SUBJECT.encode()
FACT_ID = UUID("a934feb8-4455-43ae-a974-61e0ea111088")
CORRELATION_ID = UUID("6c647fda-6154-4abd-a9af-101fe5a51c71")
CAUSATION_ID = UUID("20d0e9a1-6357-42aa-a333-c2c405c8a854")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def said(
    *,
    time: datetime = NOON,
    sequence: int | None = 3,
    causation_id: UUID | None = CAUSATION_ID,
    traceparent: str | None = TRACEPARENT,
) -> list[tuple[str, bytes]]:
    return headers(
        event_id=FACT_ID,
        source="intake",
        ce_type="datacloud.request_submitted.v1",
        time=time,
        subject=SUBJECT,
        sequence=sequence,
        correlation_id=CORRELATION_ID,
        causation_id=causation_id,
        traceparent=traceparent,
    )


def but(*replaced: Header) -> list[Header]:
    """Good headers, except that these stand instead of those of the same name."""
    names = {name for name, _ in replaced}
    return [*((name, value) for name, value in said() if name not in names), *replaced]


def without(name: str) -> list[Header]:
    return [header for header in said() if header[0] != name]


def opened(changed: list[Header], key: bytes | None = KEY) -> Envelope:
    envelope = open_envelope(key, changed)
    assert isinstance(envelope, Envelope)
    return envelope


def test_the_headers_of_a_fact_are_those_of_the_contract() -> None:
    assert dict(said()) == {
        "ce_id": b"a934feb8-4455-43ae-a974-61e0ea111088",
        "ce_source": b"intake",
        "ce_type": b"datacloud.request_submitted.v1",
        "ce_time": b"2026-11-23T05:00:00Z",
        "ce_subject": SUBJECT.encode(),
        "ce_specversion": b"1.0",
        "ce_dataschema": b"urn:datacloud:schemas:datacloud.request_submitted.v1",
        "ce_sequence": b"3",
        "ce_correlationid": b"6c647fda-6154-4abd-a9af-101fe5a51c71",
        "ce_causationid": b"20d0e9a1-6357-42aa-a333-c2c405c8a854",
        "traceparent": TRACEPARENT.encode(),
        "content-type": b"application/json",
    }


def test_what_is_not_known_is_not_said() -> None:
    names = dict(said(sequence=None, causation_id=None, traceparent=None)).keys()
    assert not names & {"ce_sequence", "ce_causationid", "traceparent"}


def test_time_is_told_in_utc() -> None:
    at_the_office = NOON.astimezone(timezone(timedelta(hours=7)))
    assert dict(said(time=at_the_office))["ce_time"] == b"2026-11-23T05:00:00Z"


def test_what_was_said_is_read() -> None:
    assert open_envelope(KEY, said()) == Envelope(
        source="intake",
        subject=SUBJECT,
        sequence=3,
        fact_id=FACT_ID,
        ce_type="datacloud.request_submitted.v1",
        time=NOON,
        correlation_id=CORRELATION_ID,
        traceparent=TRACEPARENT,
    )


@pytest.mark.parametrize(
    "name", ["ce_dataschema", "ce_correlationid", "ce_causationid", "traceparent", "content-type"]
)
def test_a_record_may_come_without(name: str) -> None:
    assert opened(without(name)).defect is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_source", None, "ce_source_null"),
        ("ce_source", b"\xff", "ce_source_not_utf8"),
        ("ce_source", b"", "ce_source_unprintable"),
        ("ce_subject", None, "ce_subject_null"),
        ("ce_subject", b"a\x00b", "ce_subject_unprintable"),
        ("ce_subject", "a\u202eb".encode(), "ce_subject_unprintable"),
        ("ce_subject", b"a" * 256, "ce_subject_unprintable"),
        ("ce_sequence", None, "ce_sequence_null"),
        ("ce_sequence", b"0", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"-1", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"+1", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"1_0", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b" 1", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"1.0", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", "٣".encode(), "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", "²".encode(), "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"9223372036854775808", "ce_sequence_not_a_positive_integer"),
        ("ce_sequence", b"9" * 200, "ce_sequence_not_a_positive_integer"),
    ],
)
def test_a_record_whose_place_cannot_be_read_belongs_to_no_stream(
    name: str, value: bytes | None, reason: str
) -> None:
    assert open_envelope(KEY, but((name, value))) == Unaddressed(reason)


@pytest.mark.parametrize("name", ["ce_source", "ce_subject", "ce_sequence"])
def test_a_record_without_its_place_belongs_to_no_stream(name: str) -> None:
    assert open_envelope(KEY, without(name)) == Unaddressed(f"{name}_missing")
    twice = [*said(), (name, b"4")]
    assert open_envelope(KEY, twice) == Unaddressed(f"{name}_twice")


def test_a_record_without_any_header_belongs_to_no_stream() -> None:
    assert open_envelope(None, []) == Unaddressed("ce_source_missing")


def test_the_greatest_sequence_is_that_of_the_database() -> None:
    assert opened(but(("ce_sequence", b"9223372036854775807"))).sequence == 2**63 - 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_id", b"7", "ce_id_not_a_uuid"),
        ("ce_id", b"{a934feb8-4455-43ae-a974-61e0ea111088}", "ce_id_not_a_uuid"),
        ("ce_id", None, "ce_id_null"),
        ("ce_type", b"\xff", "ce_type_not_utf8"),
        ("ce_type", b"", "ce_type_unprintable"),
        ("ce_time", b"yesterday", "ce_time_unreadable"),
        ("ce_time", b"2026-11-23T05:00:00", "ce_time_without_offset"),
        ("ce_time", b"9999-12-31T23:59:59-23:59", "ce_time_unreadable"),
        ("ce_specversion", b"0.3", "ce_specversion_unsupported"),
        ("ce_correlationid", b"none", "ce_correlationid_not_a_uuid"),
        ("ce_causationid", b"", "ce_causationid_not_a_uuid"),
        ("ce_dataschema", None, "ce_dataschema_null"),
        ("content-type", b"application/avro", "content_type_unsupported"),
        ("content-type", None, "content_type_null"),
        ("traceparent", b"\xff", "traceparent_not_utf8"),
        ("x-anything", None, "header_null"),
        ("x-\x00\u202e", b"\xff", "header_not_utf8"),
    ],
)
def test_any_other_bad_header_is_a_defect_that_leaves_the_place_readable(
    name: str, value: bytes | None, reason: str
) -> None:
    envelope = opened(but((name, value)))
    assert (envelope.source, envelope.subject, envelope.sequence) == ("intake", SUBJECT, 3)
    assert envelope.defect == reason


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_time", "ce_specversion"])
def test_what_must_be_there_is_missed(name: str) -> None:
    assert opened(without(name)).defect == f"{name}_missing"
    assert opened([*said(), (name, b"1.0")]).defect == f"{name}_twice"


def test_a_defective_record_keeps_its_id_if_it_is_sure() -> None:
    assert opened(without("ce_type")).fact_id == FACT_ID
    assert opened([*said(), ("ce_id", b"another")]).fact_id is None
    assert opened(but(("ce_id", b"another"))).fact_id is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, "key_missing"),
        (b"", "key_differs_from_subject"),
        (b"\xff", "key_differs_from_subject"),
        (KEY.upper(), "key_differs_from_subject"),
    ],
)
def test_a_key_that_is_not_the_subject_is_a_defect(key: bytes | None, reason: str) -> None:
    assert opened(list(said()), key).defect == reason


def test_a_trace_that_cannot_be_read_blocks_nothing() -> None:
    envelope = opened(but(("traceparent", b"00-zz-zz-01")))
    assert envelope.defect is None
    assert envelope.traceparent is None


def test_binary_headers_of_dead_letter_tools_do_not_spoil_a_redriven_record() -> None:
    left = [("kafka_dlt-original-offset", b"\x00\xff"), ("kafka_dlt-exception-cause-fqcn", None)]
    assert opened([*said(), *left, *left]).defect is None


def test_the_content_type_may_name_its_charset() -> None:
    utf8 = ("content-type", b"application/json; charset=utf-8")
    assert opened(but(utf8)).defect is None


ANY_VALUE = st.none() | st.binary(max_size=40) | st.text().map(str.encode)
ANY_NAME = st.sampled_from([name for name, _ in said()]) | st.text()


@given(
    st.lists(st.tuples(ANY_NAME, ANY_VALUE), max_size=30),
    st.lists(st.sampled_from(said()), max_size=30),
    ANY_VALUE,
)
def test_whatever_the_headers_and_the_key_are_reading_them_does_not_fail(
    strange: list[Header], good: list[Header], key: bytes | None
) -> None:
    envelope = open_envelope(key, [*good, *strange])
    if isinstance(envelope, Unaddressed):
        assert envelope.reason.replace("_", "").replace("8", "").isalpha()
    elif envelope.defect is None:
        assert envelope.fact_id
        assert envelope.time
        assert envelope.ce_type
