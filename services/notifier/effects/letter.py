"""The confirmation letter as a PDF in the layout of naskah dinas, made in a child process with a time limit."""

import asyncio
import os
import string
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import orjson

from services.notifier.commands import RequestKind
from services.notifier.effects.plain_text import clean
from shared.service_standard.standard import Standard
from shared.working_time.days import local_date
from shared.working_time.explanation import MONTHS, instant_in_words

LETTER_SECONDS_MAX = 15.0
LETTER_BYTES_MAX = 5 * 1024 * 1024
_TEMPLATE = Path(__file__).parents[1] / "templates" / "confirmation_letter.typ"
_WORKER = Path(__file__).with_name("typesetting.py")
_PROVINCE = "Provinsi Kalimantan Barat"
_UNSEALED = "Dokumen ini dibuat secara elektronik oleh Pelayanan Data Cloud Diskominfo."
_SEALED = "Dokumen ini disegel secara elektronik (segel Diskominfo)."
_SUBJECTS: dict[RequestKind, tuple[str, str, str]] = {
    "open_account": (
        "Konfirmasi Aktivasi Akun Data Cloud",
        "permintaan pembukaan akun Data Cloud",
        "akun tersebut telah aktif",
    ),
    "replace_administrator": (
        "Konfirmasi Penggantian Admin Pengelola Data Cloud",
        "permintaan penggantian admin pengelola Data Cloud",
        "penggantian tersebut telah dilaksanakan dan akun admin yang baru telah aktif",
    ),
}


class LetterNotMadeError(Exception):
    """The child process failed or took too long; making it again gives the same letter."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, as settings name them."""

    name: str
    rank: str
    nip: str
    position: str = f"Kepala Dinas Komunikasi dan Informatika {_PROVINCE}"


@dataclass(frozen=True, slots=True)
class ConfirmationLetter:
    """What one letter says. Its date and the creation time of the PDF are those of its number.

    A detail that is None is left out. `sealed` only of a letter that gets the office's seal: it says so in its footer.
    """

    letter_number: str
    numbered_at: datetime
    registration_number: str
    agency_name: str
    kind: RequestKind
    activated_at: datetime
    signer: Signer
    received_at: datetime | None = None
    administrator_name: str | None = None
    administrator_position: str | None = None
    user_id: str | None = None
    group: str | None = None
    copies: tuple[str, ...] = ()
    sealed: bool = False


def letter_number(pattern: str, number: int, year: int) -> str:
    """`000.8/{number}/DISKOMINFO-C/{year}` with the register's number and year, and nothing else in braces.

    Raises ValueError for a pattern that would give two letters one number or that asks for more.
    """
    fields = [(name, conversion) for _, name, _, conversion in string.Formatter().parse(pattern)]
    names = sorted(name for name, _ in fields if name is not None)
    if names != ["number", "year"] or any(conversion for _, conversion in fields):
        raise ValueError(f"a letter number needs {{number}} and {{year}}, once each: {pattern!r}")
    return pattern.format(number=number, year=year)


async def make_letter(
    letter: ConfirmationLetter,
    standard: Standard,
    *,
    seconds_max: float = LETTER_SECONDS_MAX,
    output: Literal["pdf", "png"] = "pdf",
) -> bytes:
    """The letter as PDF; the same letter gives the same bytes. Raises LetterNotMadeError."""
    job = {
        "template": str(_TEMPLATE),
        "letter": _content(letter, standard),
        "created_at": int(letter.numbered_at.timestamp()),
        "output": output,
    }
    made = await _typeset(orjson.dumps(job), seconds_max)
    if len(made) > LETTER_BYTES_MAX:
        raise LetterNotMadeError("letter_too_large")
    return made


async def _typeset(job: bytes, seconds_max: float) -> bytes:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_WORKER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # it would quote the letter
        env={"PATH": os.defpath},
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds_max):
            made, _ = await child.communicate(job)
    except TimeoutError:
        raise LetterNotMadeError("letter_timed_out") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not made:
        raise LetterNotMadeError("letter_failed")
    return made


def _content(letter: ConfirmationLetter, standard: Standard) -> dict[str, object]:
    """What the template shows, word for word."""
    dated_on = local_date(letter.numbered_at)
    content: dict[str, object] = {
        "letterhead": _letterhead(standard),
        "number": letter.letter_number,
        "classification": "Biasa",
        "enclosures": "-",
        "subject": _SUBJECTS[letter.kind][0],
        "place_and_date": f"Pontianak, {dated_on.day} {MONTHS[dated_on.month - 1]} {dated_on.year}",
        "recipient": f"Pimpinan {letter.agency_name}",
        "recipient_place": "Tempat",
        "opening": [_opening(letter)],
        "details": _details(letter),
        "closing": _closing(standard),
        "signer": asdict(letter.signer),
        "copies": letter.copies,
        "footer": _SEALED if letter.sealed else _UNSEALED,
    }
    return {name: _cleaned(value) for name, value in content.items()}


def _letterhead(standard: Standard) -> dict[str, object]:
    owner, website = standard.owner, standard.owner.website.removeprefix("https://")
    return {
        "government": f"Pemerintah {_PROVINCE}",
        "office": owner.name.removesuffix(f" {_PROVINCE}"),
        "address": owner.address,
        "contact": f"Telepon {owner.telephone}, Surel {owner.email}, Laman {website}",
    }


def _opening(letter: ConfirmationLetter) -> str:
    _, request, result = _SUBJECTS[letter.kind]
    received = (
        f" yang kami terima pada {instant_in_words(letter.received_at)}"
        if letter.received_at
        else ""
    )
    return (
        f"Menindaklanjuti {request} dari {letter.agency_name} dengan nomor registrasi"
        f" {letter.registration_number}{received}, dengan ini kami sampaikan bahwa {result} dengan"
        " rincian sebagai berikut:"
    )


def _details(letter: ConfirmationLetter) -> list[list[str]]:
    details = [
        ("Perangkat Daerah", letter.agency_name),
        ("Admin pengelola", letter.administrator_name),
        ("Jabatan", letter.administrator_position),
        ("Nama pengguna", letter.user_id),
        ("Grup", letter.group),
        ("Aktif sejak", instant_in_words(letter.activated_at)),
    ]
    return [[label, value] for label, value in details if value is not None]


def _closing(standard: Standard) -> list[str]:
    return [
        (
            "Apabila terjadi pergantian admin pengelola, Saudara dapat menyampaikan surat permintaan"
            " penggantian beserta surat penunjukan admin pengelola datacloud yang baru."
        ),
        (
            f"Standar Pelayanan Nomor {standard.number} menjadi dasar pelayanan ini."
            f" {standard.fee.text}"
        ),
        "Demikian disampaikan. Atas perhatian dan kerja sama Saudara kami ucapkan terima kasih.",
    ]


def _cleaned(value: object) -> object:
    match value:
        case str():
            return " ".join(clean(value).split())
        case dict():
            return {name: _cleaned(part) for name, part in value.items()}
        case list() | tuple():
            return [_cleaned(part) for part in value]
        case _:
            return value
