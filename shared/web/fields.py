"""Types of what people type: what could forge a line, a header or a reading order is refused.

Two kinds of text: one line (names, subjects, reasons) and paragraphs (narratives, answers).
"""

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import GetCoreSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, core_schema

from shared.web.field_messages import refuse_value

LINE_LENGTH_MAX = 200
REASON_LENGTH_MAX = 2000
LINES_LENGTH_MAX = 10_000
EMAIL_LENGTH_MAX = 254  # RFC 5321, 4.5.3.1.3 less the angle brackets
YEAR_MIN, YEAR_MAX = 1950, 2100

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset(
    "\u115f\u1160\u3164\uffa0\u2800\u180e\u034f"
)  # letters and marks that show nothing
_JOINERS = frozenset("\u200c\u200d\u00ad\ufeff")  # in emoji and pasted text of chat programs
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNPAIRED = re.compile(r"[\ud800-\udfff]")
_NOT_CHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
    + "]"
)

_EMAIL = re.compile(
    r"(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
    r"@(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63})",
    re.ASCII,
)
_PHONE = re.compile(r"\+?[0-9(][0-9 ().-]{4,24}", re.ASCII)
_NIP = re.compile(r"[0-9]{18}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SingleLine:
    """`Annotated[str, SingleLine(80)]`: one visible line, trimmed, in normal form C."""

    length_max: int = LINE_LENGTH_MAX

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _text_schema(self.length_max, single_line)


@dataclass(frozen=True, slots=True)
class MultiLine:
    """`Annotated[str, MultiLine(4000)]`: paragraphs whose lines end in LF; tabs are kept, CR is refused.

    For the narrative of a complaint and the answer to it alone. Whatever else is typed, a reason too, is one line:
    a text with line ends can forge a header or a second entry wherever it is copied to. Browsers send the text of a
    form with CR LF (HTML, form submission): a page turns them into LF before it asks this.
    """

    length_max: int = LINES_LENGTH_MAX

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _text_schema(self.length_max, multi_line)


def _text_schema(length_max: int, check: Callable[[str], str]) -> CoreSchema:
    # The length is checked first: no later check runs over more than that.
    return core_schema.no_info_after_validator_function(
        check, core_schema.str_schema(strict=True, max_length=length_max)
    )


def single_line(text: str) -> str:
    """The text as kept. Raises the mistake to tell the sender."""
    refuse_forged(text)
    if _CONTROLS.search(text):
        refuse_value("control_character", "Harus satu baris, tanpa karakter kendali.")
    if any(_is_hidden(character) for character in text):
        refuse_value("hidden_character", "Memuat karakter yang tidak terlihat.")
    return _said(text)


def multi_line(text: str) -> str:
    """The text as kept. Raises the mistake to tell the sender."""
    refuse_forged(text)
    if "\r" in text:
        refuse_value("carriage_return", "Baris diakhiri LF saja, tanpa karakter CR.")
    if _CONTROLS.search(text.replace("\n", "").replace("\t", "")):
        refuse_value("control_character", "Memuat karakter kendali.")
    if any(_is_hidden(character) for character in text if character not in _JOINERS):
        refuse_value("hidden_character", "Memuat karakter yang tidak terlihat.")
    return _said(text)


def _said(text: str) -> str:
    """Trimmed, in normal form C; something must be said."""
    kept = unicodedata.normalize("NFC", text).strip()
    if not kept:
        refuse_value("blank", "Wajib diisi.")
    if not any(character.isalnum() for character in kept):
        refuse_value("no_letter", "Harus memuat huruf atau angka.")
    return kept


def refuse_forged(text: str) -> None:
    """What no text of any kind may hold, whatever it is for."""
    if "\x00" in text:
        refuse_value("null_character", "Memuat karakter NUL.")
    if _UNPAIRED.search(text) or _NOT_CHARACTERS.search(text):
        refuse_value("not_a_character", "Memuat karakter yang tidak sah.")
    if not _BIDI.isdisjoint(text):
        refuse_value("bidi_override", "Memuat karakter pembalik arah tulisan.")


def _is_hidden(character: str) -> bool:
    return character in _INVISIBLE or (
        character > "\x7f" and unicodedata.category(character) in {"Cf", "Co"}
    )


def _email_address(text: str) -> str:
    address = text.strip(" ")
    found = _EMAIL.fullmatch(address) if len(address) <= EMAIL_LENGTH_MAX else None
    if not found or len(found["local"]) > 64:  # noqa: PLR2004 - RFC 5321, 4.5.3.1.1
        refuse_value("email", "Tulis satu alamat surel saja, misalnya nama@kalbarprov.go.id.")
    return f"{found['local']}@{found['domain'].lower()}"


def _phone(text: str) -> str:
    number = text.strip(" ")
    digits = re.sub(r"[ ().-]", "", number)
    if not _PHONE.fullmatch(number) or not 7 <= len(digits.removeprefix("+")) <= 15:  # noqa: PLR2004 - ITU-T E.164
        refuse_value("phone", "Tulis nomor telepon 7 sampai 15 angka, misalnya +62 812 3456 7890.")
    return digits


def nip(text: str) -> str:
    """Eighteen digits: birth date, six digits, sex, serial.

    Digits 9 to 14 are the month of appointment of a civil servant and something else of a PPPK
    (DOMAIN section 2): no rule for them.
    """
    number = text.replace(" ", "")
    if not _NIP.fullmatch(number):
        refuse_value("nip", "NIP terdiri atas 18 angka.")
    try:
        born = date(int(number[:4]), int(number[4:6]), int(number[6:8]))
    except ValueError:
        born = None
    if born is None or not 1900 <= born.year <= YEAR_MAX or number[14] not in "12":  # noqa: PLR2004 - a century, a sex
        refuse_value("nip", "NIP tidak benar: periksa tanggal lahir dan angka ke-15.")
    return number


def _instant(sent: object) -> datetime:
    instant = sent if isinstance(sent, datetime) else None
    if isinstance(sent, str) and _INSTANT.fullmatch(sent):
        with suppress(ValueError):
            instant = datetime.fromisoformat(sent.upper())
    if instant is None:
        example = "2026-11-23T10:00:00+07:00"
        refuse_value("instant", f"Tulis tanggal, jam dan selisih zona, misalnya {example}.")
    if instant.tzinfo is None:
        refuse_value("no_offset", "Sertakan selisih zona waktu, misalnya +07:00.")
    if not YEAR_MIN <= instant.year <= YEAR_MAX:
        refuse_value("instant_range", f"Tahunnya antara {YEAR_MIN} dan {YEAR_MAX}.")
    return instant.astimezone(UTC)


def _day(sent: object) -> date:
    day = sent if isinstance(sent, date) and not isinstance(sent, datetime) else None
    if isinstance(sent, str) and _DAY.fullmatch(sent):
        with suppress(ValueError):
            day = date.fromisoformat(sent)
    if day is None:
        refuse_value("day", "Tulis tanggal sebagai tahun-bulan-hari, misalnya 2026-11-23.")
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        refuse_value("day_range", f"Tahunnya antara {YEAR_MIN} dan {YEAR_MAX}.")
    return day


@dataclass(frozen=True, slots=True)
class _Line:
    """One line that a further check turns into what is kept."""

    check: Callable[[str], str]
    length_max: int

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _text_schema(self.length_max, lambda text: self.check(single_line(text)))


SingleLineText = Annotated[str, SingleLine()]
ReasonText = Annotated[str, SingleLine(REASON_LENGTH_MAX)]
MultiLineText = Annotated[str, MultiLine()]
EmailAddress = Annotated[str, _Line(_email_address, EMAIL_LENGTH_MAX)]
Phone = Annotated[str, _Line(_phone, 40)]
Nip = Annotated[str, _Line(nip, 40)]
AwareInstant = Annotated[datetime, PlainValidator(_instant)]
Day = Annotated[date, PlainValidator(_day)]


def domain_of(address: str) -> str:
    """The domain of a checked e-mail address, in lower case."""
    return address.rpartition("@")[2].lower()
