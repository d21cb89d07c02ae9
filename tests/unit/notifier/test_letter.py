"""The confirmation letter is made once, looks the same each time, and shows values as words and nothing else."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from services.notifier.effects import letter as letter_module
from services.notifier.effects.letter import (
    ConfirmationLetter,
    LetterNotMadeError,
    Signer,
    letter_number,
    make_letter,
)
from shared.service_standard.standard import load_standard
from tests.support.pdf_text import page_texts

LETTER = ConfirmationLetter(
    letter_number="000.8/17/DISKOMINFO-C/2026",
    numbered_at=datetime(2026, 11, 30, 8, 15, tzinfo=UTC),
    registration_number="DC-2026-000123",
    agency_name="Dinas Kesehatan",
    kind="open_account",
    activated_at=datetime(2026, 11, 30, 8, 10, tzinfo=UTC),
    received_at=datetime(2026, 11, 30, 2, 10, tzinfo=UTC),
    administrator_name="Siti Aminah, S.Kom.",
    administrator_position="Pranata Komputer Ahli Muda",
    user_id="dinkes.1a2b3c4d",
    group="pd-dinkes",
    signer=Signer("Drs. Contoh Nama, M.Si.", "Pembina Utama Muda", "197001011995031001"),
    copies=("Gubernur Kalimantan Barat (sebagai laporan)",),
)


def without_blanks(*words: str) -> list[str]:
    return ["".join(each.split()) for each in words]


async def made(letter: ConfirmationLetter) -> list[str]:
    return page_texts(await make_letter(letter, load_standard()))


async def test_a_letter_says_what_a_confirmation_says() -> None:
    (page,) = await made(LETTER)
    for words in without_blanks(
        "PEMERINTAH PROVINSI KALIMANTAN BARAT DINAS KOMUNIKASI DAN INFORMATIKA Gedung Pelayanan",
        "Telepon (0561) 8173627, Surel diskominfo@kalbarprov.go.id",
        "Nomor : 000.8/17/DISKOMINFO-C/2026 Sifat : Biasa Lampiran : - Hal : Konfirmasi Aktivasi",
        "Pontianak, 30 November 2026",
        "Yth. Pimpinan Dinas Kesehatan di Tempat",
        "nomor registrasi DC-2026-000123 yang kami terima pada Senin, 30 November 2026 pukul 09.10",
        "Admin pengelola : Siti Aminah, S.Kom. Jabatan : Pranata Komputer Ahli Muda",
        "Nama pengguna : dinkes.1a2b3c4d Grup : pd-dinkes",
        "Aktif sejak : Senin, 30 November 2026 pukul 15.10 WIB",
        "Standar Pelayanan Nomor 09/DISKOMINFO/2022 menjadi dasar pelayanan ini. Tidak dipungut",
        "Kepala Dinas Komunikasi dan Informatika Provinsi Kalimantan Barat,",
        "Drs. Contoh Nama, M.Si. Pembina Utama Muda NIP 197001011995031001",
        "Tembusan: 1. Gubernur Kalimantan Barat (sebagai laporan)",
        "Dokumen ini dibuat secara elektronik",
    ):
        assert words in page


async def test_the_same_letter_gives_the_same_bytes() -> None:
    standard = load_standard()
    first, second = await asyncio.gather(
        make_letter(LETTER, standard), make_letter(LETTER, standard)
    )
    assert first == second
    created = PdfFileReader(BytesIO(first)).trailer["/Info"]["/CreationDate"]
    assert created == "D:20261130081500Z"


async def test_the_date_of_a_letter_is_the_local_one() -> None:
    (page,) = await made(replace(LETTER, numbered_at=datetime(2026, 12, 31, 17, 5, tzinfo=UTC)))
    assert "Pontianak,1Januari2027" in page


async def test_what_is_not_known_is_left_out() -> None:
    bare = replace(
        LETTER,
        received_at=None,
        administrator_name=None,
        administrator_position=None,
        user_id=None,
        group=None,
        copies=(),
    )
    (page,) = await made(bare)
    assert "DC-2026-000123,dengan" in page
    for label in without_blanks("Admin pengelola :", "Jabatan :", "Nama pengguna :", "Tembusan"):
        assert label not in page


async def test_a_replacement_says_so() -> None:
    (page,) = await made(replace(LETTER, kind="replace_administrator"))
    assert "KonfirmasiPenggantianAdminPengelolaDataCloud" in page


async def test_only_a_sealed_letter_says_that_it_is_sealed() -> None:
    (unsealed,), (sealed,) = await made(LETTER), await made(replace(LETTER, sealed=True))
    assert "disegel" not in unsealed
    assert "Dokumeninidisegelsecaraelektronik(segelDiskominfo)" in sealed


@pytest.mark.parametrize(
    "strange",
    [
        "Ma'ruf \"Anton\" O'Neil -- 'kutip'",
        '#pagebreak() #sys.inputs #read("/etc/passwd") #panic()',
        "$x^2$ *tebal* _miring_ `kode` = judul @rujukan <label> // tak tampak /* tak tampak */",
        "<b>tebal</b> {{7*7}} \\n \\u{41} ~ \\",
        "[isi] {kode} ] } ) #[",
        "Dinas" + "X" * 195,
        "Dinas " * 33,
    ],
)
async def test_values_are_words_and_never_markup(strange: str) -> None:
    pages = await made(
        replace(LETTER, agency_name=strange, administrator_name=strange, copies=(strange,))
    )
    assert len(pages) <= 2
    (expected,) = without_blanks(strange)
    assert "".join(pages).count(expected) == 5


async def test_letters_that_the_fonts_do_not_have_do_not_stop_a_letter() -> None:
    name = "\u0648\u0632\u064a\u0631 \u5f20\u4f1f \U0001f393 a\u202eb\x00c"
    assert await made(replace(LETTER, administrator_name=name))


async def test_a_letter_that_takes_too_long_is_given_up_and_its_process_ends() -> None:
    before = children()
    with pytest.raises(LetterNotMadeError, match="letter_timed_out"):
        await make_letter(LETTER, load_standard(), seconds_max=0.01)
    assert children() == before


async def test_a_letter_given_up_by_its_caller_leaves_no_process() -> None:
    before = children()
    task = asyncio.create_task(make_letter(LETTER, load_standard()))
    await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before


async def test_a_broken_template_is_a_letter_not_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = tmp_path / "letter.typ"
    write(template, "#panic()")
    monkeypatch.setattr(letter_module, "_TEMPLATE", template)
    with pytest.raises(LetterNotMadeError, match="letter_failed"):
        await make_letter(LETTER, load_standard())


async def test_a_letter_of_endless_work_is_ended_by_the_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = tmp_path / "letter.typ"
    write(template, "#let parts = (1,) * 1000000000\n#parts.len()")
    monkeypatch.setattr(letter_module, "_TEMPLATE", template)
    with pytest.raises(LetterNotMadeError, match="letter_failed"):
        await make_letter(LETTER, load_standard())


async def test_the_child_sees_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATACLOUD_SECRET_FILE", "/run/secret")
    spy = tmp_path / "spy.py"
    write(spy, "import os, sys\nsys.stdout.write(repr(sorted(os.environ)))\n")
    monkeypatch.setattr(letter_module, "_WORKER", spy)
    assert b"DATACLOUD" not in await make_letter(LETTER, load_standard())


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def children() -> set[str]:
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(task.read_text("ascii").split())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("000.8/{number}/DISKOMINFO-C/{year}", "000.8/17/DISKOMINFO-C/2026"),
        ("{year}-{number:04}", "2026-0017"),
        ("{{x}} {number} {year}", "{x} 17 2026"),
    ],
)
def test_a_letter_number_follows_its_pattern(pattern: str, expected: str) -> None:
    assert letter_number(pattern, 17, 2026) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "000.8/DISKOMINFO-C/2026",
        "{number}",
        "{number}/{number}/{year}",
        "{number.__class__}/{year}",
        "{number!r}/{year}",
        "{number}/{year}/{secret}",
        "{}/{number}/{year}",
        "{number}/{year",
    ],
)
def test_a_pattern_that_would_not_tell_letters_apart_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"letter number|expected|brace"):
        letter_number(pattern, 17, 2026)
