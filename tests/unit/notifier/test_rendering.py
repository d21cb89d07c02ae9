"""Every mail says the same in text and HTML, in Indonesian, whatever a stranger has written into its values."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from services.notifier.effects.rendering import (
    MAILS,
    TEMPLATES,
    RenderedMail,
    UnfitSubjectError,
    render_mail,
)

NUMBER = "DC-2026-000123"
CODE = "k7q2-m9xt-4w8z"
VALUES: Mapping[str, object] = {
    "activated_at": datetime(2026, 11, 30, 9, 0, tzinfo=UTC),
    "agency_name": "Dinas Kesehatan",
    "attempts": 8,
    "breach_at": "2026-12-01T00:00:00+07:00",
    "case_url": "https://datacloud.example/pengaduan/7",
    "channel": "whatsapp",
    "cycle": "1",
    "due_on": date(2026, 11, 30),
    "failed_at": "2026-11-30T09:00:00Z",
    "group": "pd-dinkes",
    "kind": "open_account",
    "letter_number": "000.8/17/DISKOMINFO-C/2026",
    "overdue": False,
    "platform": "scim",
    "reason_code": "timed_out",
    "reason_text": "Surat penunjukan belum ada.\nNIP admin tidak terbaca.",
    "received_at": "2026-11-23T10:00:00+07:00",
    "registration_number": NUMBER,
    "review_url": "https://datacloud.example/kajian/7",
    "service_url": "https://datacloud.example/",
    "set_aside_at": "2026-11-30T09:00:00Z",
    "status_url": f"https://datacloud.example/permintaan/7?kode={CODE}&dari=surel",
    "tracking_code": CODE,
    "user_id": "dinkes.1a2b3c4d",
    "withdrawn_at": "2026-11-30T09:00:00Z",
}
ALL = pytest.mark.parametrize("template", sorted(TEMPLATES))
STRANGE = (
    "Ma'ruf \"Anton\" O'Neil",
    "<b>tebal</b><script>alert(1)</script>",
    "{{7*7}} {% include 'layout.txt' %}",
    "وزارة الصحة",
    "משרד",
    "Dinas " + "X" * 194,
    "A & B &amp; C",
    "[DC-2026-999999] palsu",
)


class _Words(HTMLParser):
    """The words of a page as a reader sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self._skipped = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._skipped = tag in {"title", "h1"}
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"title", "h1"}:
            self._skipped = False

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.words.extend(data.split())


def words_of(html: str) -> _Words:
    parser = _Words()
    parser.feed(html)
    parser.close()
    return parser


def rendered(template: str, **changes: object) -> RenderedMail:
    return render_mail(template, {**VALUES, **changes})


def test_every_file_of_a_mail_is_listed_and_every_listed_mail_has_a_file() -> None:
    files = {path.stem for path in MAILS.glob("*.txt")}
    assert files - {"layout", "parts"} == TEMPLATES


@ALL
def test_text_and_html_say_the_same_words(template: str) -> None:
    mail = rendered(template)
    text = [word for word in mail.text.split() if word != "--"]
    assert words_of(mail.html).words == text


@ALL
def test_the_subject_leads_with_the_number(template: str) -> None:
    assert rendered(template).subject.startswith(f"[{NUMBER}] ")


@ALL
def test_a_mail_has_exactly_one_next_step_and_at_most_one_link(template: str) -> None:
    mail = rendered(template)
    assert mail.text.count("Langkah berikutnya:") == 1
    assert mail.text.count("https://") == mail.html.count("<a href=") <= 1


@ALL
def test_the_tracking_code_stands_in_acknowledgements_only(template: str) -> None:
    without_code = rendered(template, status_url="https://datacloud.example/permintaan/7")
    told = template in {"request_received", "complaint_received"}
    assert (CODE in without_code.text) is told
    assert (CODE in without_code.html) is told


@ALL
def test_a_mail_reads_well_in_plain_text(template: str) -> None:
    text = rendered(template).text
    assert text.startswith("Yth. ")
    assert "\n\n\n" not in text
    assert "\n-- \nDinas Komunikasi dan Informatika" in text
    assert not re.search(r"[{}<>]|\bNone\b|T\d\d:\d\d", text)


@ALL
@pytest.mark.parametrize("strange", STRANGE)
def test_what_a_stranger_wrote_arrives_as_words(template: str, strange: str) -> None:
    plain = rendered(template)
    mail = rendered(template, agency_name=strange, reason_text=strange)
    shown = "agency_name" in (MAILS / f"{template}.txt").read_text("utf-8")
    shown = shown or template in {"request_returned", "request_rejected"}
    assert (strange in mail.text) is shown
    assert mail.subject == plain.subject
    page = words_of(mail.html)
    assert page.tags <= words_of(plain.html).tags | {"bdi"}
    assert (" ".join(strange.split()) in " ".join(page.words)) is shown
    assert "49" not in mail.text.replace("78124", "")


def test_words_from_right_to_left_do_not_turn_their_surroundings() -> None:
    mail = rendered("request_received", agency_name="وزارة الصحة (Pontianak)")
    assert "\u2068وزارة الصحة (Pontianak)\u2069," in mail.text  # noqa: RUF001 - an Arabic word
    assert "<bdi>وزارة الصحة (Pontianak)</bdi>," in mail.html
    assert "\u2068" not in rendered("request_received").text


def test_direction_overrides_and_control_characters_are_taken_out() -> None:
    mail = rendered("request_returned", reason_text="a\u202eb\x00c\x1b[31md\ud800e\r\nf\tg")
    assert "    ab\ufffdc\ufffd[31md\ufffde\n    f\tg" in mail.text
    assert "ab\ufffdc" in mail.html
    mail.html.encode("utf-8")


def test_a_reason_keeps_its_lines() -> None:
    mail = rendered("request_returned")
    assert "    Surat penunjukan belum ada.\n    NIP admin tidak terbaca.\n" in mail.text
    assert "Surat penunjukan belum ada.\nNIP admin tidak terbaca.</blockquote>" in mail.html


@pytest.mark.parametrize(
    "number",
    ["DC\r\nBcc: semua@example.id", "DC\nX", "DC\x00", "DC\u2028X", "DC\u202eX", "9" * 200],
)
def test_a_subject_that_is_not_one_printable_line_is_refused(number: str) -> None:
    with pytest.raises(UnfitSubjectError):
        rendered("request_received", registration_number=number)


def test_dates_and_instants_are_written_out_in_local_time() -> None:
    text = rendered("request_received").text
    assert "paling lambat Senin, 30 November 2026." in text
    assert "Diterima: Senin, 23 November 2026 pukul 10.00 WIB" in text
    assert (
        "Aktif sejak: Senin, 30 November 2026 pukul 16.00 WIB" in rendered("request_confirmed").text
    )
    assert (
        "Terlampaui pada: Selasa, 1 Desember 2026 pukul 00.00 WIB"
        in rendered("request_breached").text
    )


@pytest.mark.parametrize("template", ["request_received", "complaint_received"])
def test_an_acknowledgement_does_not_promise_a_day_that_has_passed(template: str) -> None:
    late = rendered(template, overdue=True).text
    assert "paling lambat" not in late
    assert "Batas waktu kami, Senin, 30 November 2026, sudah lewat." in late


@pytest.mark.parametrize("template", ["request_breached", "complaint_breached"])
def test_a_breach_mail_is_true_also_of_what_was_finished_meanwhile(template: str) -> None:
    text = rendered(template).text
    assert "tidak selesai sampai batas waktunya" in text
    assert re.search(r"Langkah berikutnya: Periksa (permintaan|pengaduan) ini\.", text)
    assert "belum" not in text


def test_a_completed_file_is_not_called_a_new_request() -> None:
    reviewers, contact = (
        rendered(template, cycle="2")
        for template in ("new_request_for_reviewers", "request_received")
    )
    assert "baru" not in reviewers.subject + reviewers.text
    assert "sudah dilengkapi dan menunggu kajian" in reviewers.text
    assert "Kelengkapan permintaan" in contact.subject
    assert "Berkas yang melengkapi permintaan pembukaan akun" in contact.text
    assert CODE in contact.text


def test_a_confirmation_names_user_and_group_and_calls_a_replacement_one() -> None:
    opened, replaced = (
        rendered("request_confirmed", kind=kind)
        for kind in ("open_account", "replace_administrator")
    )
    for mail in (opened, replaced):
        assert "Nama pengguna: dinkes.1a2b3c4d\nGrup: pd-dinkes\n" in mail.text
    assert "diganti" not in opened.subject + opened.text
    assert replaced.subject == (
        f"[{NUMBER}] Admin pengelola sudah diganti, akun Data Cloud sudah aktif"
    )
    assert "sudah diganti seperti yang Bapak/Ibu minta" in replaced.text


def test_codes_are_shown_as_words() -> None:
    assert (
        "penggantian admin pengelola"
        in rendered("request_received", kind="replace_administrator").text
    )
    assert "Kanal: WhatsApp" in rendered("new_complaint_for_officers").text
    assert "tidak menjawab pada waktunya (kode: timed_out)" in rendered("activation_failed").text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("http_503", "platform cloud sedang terganggu (kode: http_503)"),
        ("account_not_ours", "bukan buatan kami (kode: account_not_ours)"),
        ("refused_403", "platform cloud menolak data akun ini (kode: refused_403)"),
        ("something_new", "aktivasi tidak berhasil (kode: something_new)"),
    ],
)
def test_operators_read_why_an_activation_failed_and_what_to_do(code: str, words: str) -> None:
    text = rendered("activation_failed", reason_code=code).text
    assert words in text
    assert re.search(r"Langkah berikutnya: (Periksa|Sampaikan) ", text)


def test_a_link_with_an_ampersand_stays_one_link() -> None:
    mail = rendered("request_received")
    assert (
        f'<a href="https://datacloud.example/permintaan/7?kode={CODE}&amp;dari=surel"' in mail.html
    )
    assert f"https://datacloud.example/permintaan/7?kode={CODE}&dari=surel\n" in mail.text


@ALL
def test_a_missing_value_is_an_error_and_not_a_gap(template: str) -> None:
    with pytest.raises(UndefinedError):
        render_mail(template, {"registration_number": NUMBER})


@pytest.mark.parametrize("template", ["layout", "parts", "../confirmation_letter", "nothing"])
def test_only_listed_mails_can_be_rendered(template: str) -> None:
    with pytest.raises(LookupError):
        rendered(template)
