"""What people type is kept as they meant it, or refused naming the field; forged text never gets in."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.web.fields import (
    AwareInstant,
    Day,
    EmailAddress,
    MultiLineText,
    Nip,
    Phone,
    ReasonText,
    SingleLineText,
    domain_of,
)

SINGLE, MULTI = TypeAdapter[str](SingleLineText), TypeAdapter[str](MultiLineText)
REASON = TypeAdapter[str](ReasonText)
EMAIL, PHONE, NIP = TypeAdapter[str](EmailAddress), TypeAdapter[str](Phone), TypeAdapter[str](Nip)
INSTANT, DAY = TypeAdapter[datetime](AwareInstant), TypeAdapter[date](Day)

FORGED_ANYWHERE = [
    "a\x00b", "a\x07b", "a\x1bb", "a\x7fb", "a\x85b", "a\u202eb", "a\u2066b", "a\u200fb", "a\u200bb", "a\u2060b",
    "a\ufdd0b", "a\uffffb", "a\U0010ffffb", "a\u3164b", "\u2800\u2800", "a\U000e0041b", "a\ue000b", "a\ud800b",
    "", "   ", "\u3000", "...", "---",
]  # fmt: skip
FORGED_IN_ONE_LINE = [
    "a\nb",
    "a\rb",
    "a\r\nBcc: x@y.id",
    "a\tb",
    "a\u2028b",
    "a\u2029b",
    "a\u200db",
    "a\ufeffb",
]


@pytest.mark.parametrize("text", FORGED_ANYWHERE + FORGED_IN_ONE_LINE)
def test_a_line_refuses_what_could_forge_it(text: str) -> None:
    with pytest.raises(ValidationError):
        SINGLE.validate_python(text)


@pytest.mark.parametrize("text", FORGED_ANYWHERE + FORGED_IN_ONE_LINE)
def test_a_reason_is_a_line(text: str) -> None:
    with pytest.raises(ValidationError):
        REASON.validate_python(text)


@pytest.mark.parametrize(
    "text", [*FORGED_ANYWHERE, "a\u2028b", "a\rb", "a\r\nBcc: x@y.id", "a\r\n"]
)
def test_lines_refuse_what_could_forge_them(text: str) -> None:
    with pytest.raises(ValidationError):
        MULTI.validate_python(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Dinas Kesehatan ", "Dinas Kesehatan"),
        ("I Made Wirawan, S.Kom., M.T.", "I Made Wirawan, S.Kom., M.T."),
        ("Ny. O'Hara-Sitorus", "Ny. O'Hara-Sitorus"),
        ("Jose\u0301", "José"),
        ("田中", "田中"),
        ("<b>{{7*7}}</b>", "<b>{{7*7}}</b>"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("%0d%0a", "%0d%0a"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_line_is_kept(text: str, kept: str) -> None:
    assert SINGLE.validate_python(text) == kept


def test_lines_end_in_line_feeds_and_keep_tabs_and_emoji() -> None:
    assert MULTI.validate_python("satu\n\ndua\ttiga 👨‍👩‍👧 \n") == "satu\n\ndua\ttiga 👨‍👩‍👧"


@pytest.mark.parametrize("adapter", [SINGLE, REASON, MULTI])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Wajib diisi."), (" \u3000 ", "Wajib diisi."),
        ("-", "Harus memuat huruf atau angka."), (" 👍 ", "Harus memuat huruf atau angka."),
    ],
)  # fmt: skip
def test_who_wrote_something_is_not_told_to_write_something(
    adapter: TypeAdapter[str], text: str, message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(text)
    assert refused.value.errors()[0]["msg"] == message


@pytest.mark.parametrize(("adapter", "length"), [(SINGLE, 200), (REASON, 2000), (MULTI, 10_000)])
def test_text_has_a_limit(adapter: TypeAdapter[str], length: int) -> None:
    adapter.validate_python("x" * length)
    with pytest.raises(ValidationError, match="string_too_long"):
        adapter.validate_python("x" * (length + 1))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("admin@Dinkes.KalbarProv.go.id", "admin@dinkes.kalbarprov.go.id"),
        (" a.b+c@x-y.id ", "a.b+c@x-y.id"),
    ],
)
def test_one_address_is_kept(text: str, kept: str) -> None:
    assert EMAIL.validate_python(text) == kept
    assert domain_of(kept) == kept.split("@")[1]


@pytest.mark.parametrize(
    "text",
    [
        "a@b.id, c@d.id", "a@b.id;c@d.id", "a@b.id c@d.id", "Budi <a@b.id>", "<a@b.id>", '"a b"@c.id',
        "a@b.id\r\nBcc: c@d.id",
        "a@b", "a@@b.id", "@b.id", "a@", "a", ".a@b.id", "a.@b.id", "a..b@c.id", "a@-b.id", "a@b-.id", "a@b..id",
        "a@[127.0.0.1]", "a@127.0.0.1", "a@b.i", "á@b.id", "a@bé.id", "a@b.id\u202e",
        "x" * 65 + "@b.id", "a@" + "b." * 130 + "id",
        "a@b.id.", "mailto:a@b.id", "a%0d%0a@b.id@c.id",
    ],
)  # fmt: skip
def test_anything_but_one_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("0561 8173627", "05618173627"), ("(0561) 817-3627", "05618173627"), ("+62 896.9930.5225", "+6289699305225")],
)  # fmt: skip
def test_a_phone_number_is_kept_without_its_spacing(text: str, kept: str) -> None:
    assert PHONE.validate_python(text) == kept


@pytest.mark.parametrize(
    "text", ["123456", "1" * 16, "0812x", "++62812345678", "٠٨١٢٣٤٥٦٧٨", "0812-345-678 ext 5", "+", "=1+1+1+1"]
)  # fmt: skip
def test_anything_but_a_phone_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PHONE.validate_python(text)


@pytest.mark.parametrize(
    "text",
    ["198001012005011001", "19800101 200501 1 001", "199202292024212003", "198001012005991001"],
)
def test_a_nip_is_eighteen_digits_also_of_a_pppk(text: str) -> None:
    assert NIP.validate_python(text) == text.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "19800101200501100", "1980010120050110011", "19800101200501100A", "198013012005011001", "198002302005011001",
        "198001012005013001", "198001012005010001", "١٩٨٠٠١٠١٢٠٠٥٠١١٠٠١", "000000000000000000",
    ],
)  # fmt: skip
def test_anything_but_a_nip_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        NIP.validate_python(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T10:00+07:00", datetime(2026, 11, 23, 3, tzinfo=UTC)),
        ("2026-11-22T17:05:00.5Z", datetime(2026, 11, 22, 17, 5, 0, 500_000, tzinfo=UTC)),
        ("2026-11-23 10:00:00+0700", datetime(2026, 11, 23, 3, tzinfo=UTC)),
    ],
)
def test_an_instant_has_an_offset_and_is_kept_in_utc(text: str, instant: datetime) -> None:
    assert INSTANT.validate_python(text) == instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T10:00", "2026-11-23", "2026-02-30T10:00Z", "2026-11-23T24:00Z", "2026-11-23T10:00+25:00",
        "now", "", "2026-11-22t17:05Z",
        "1700000000", 1_700_000_000, 1.5, None, True, [], "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00",
        "٢٠٢٦-11-23T10:00Z",
    ],
)  # fmt: skip
def test_anything_but_an_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)


@pytest.mark.parametrize(
    "value", ["2026-02-30", "20261123", "2026-11-23T00:00", "20000", 20_000, None, "1900-01-01"]
)
def test_anything_but_a_day_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_python(value)


def test_a_day_is_kept() -> None:
    assert DAY.validate_python("2026-11-23") == date(2026, 11, 23)
