"""The register of agencies: sixty rows by default, edited by the deployer, mistakes by line."""

import re
from pathlib import Path

import pytest

from shared.service_standard.agencies import AgencyFileError, agencies, load_agencies

HEAD = "code,name,email_domain\n"
DINKES = "dinkes,Dinas Kesehatan,dinkes.kalbarprov.go.id\n"


def register(directory: Path, text: str) -> Path:
    path = directory / "agencies.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_sixty_agencies_ship_each_with_its_own_code_and_domain() -> None:
    assert len(agencies()) == 60
    assert len({agency.email_domain for agency in agencies().values()}) == 60
    assert all(re.fullmatch(r"[a-z0-9-]+", code) for code in agencies())


def test_an_agency_is_found_by_its_code() -> None:
    dinkes = agencies()["dinkes"]
    assert (dinkes.code, dinkes.name) == ("dinkes", "Dinas Kesehatan")
    assert dinkes.email_domain == "dinkes.kalbarprov.go.id"


def test_the_register_is_read_once() -> None:
    assert agencies() is agencies()


def test_the_order_of_the_file_is_kept(tmp_path: Path) -> None:
    rows = "zeta,Zeta,z.example\nalfa,Alfa,a.example\n"
    assert list(load_agencies(register(tmp_path, HEAD + rows))) == ["zeta", "alfa"]


def test_a_spreadsheet_s_byte_order_mark_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = register(tmp_path, "\ufeff" + (HEAD + DINKES).replace("\n", "\r\n"))
    assert list(load_agencies(path)) == ["dinkes"]


@pytest.mark.parametrize(
    ("text", "line", "mistake"),
    [
        ("", 1, "the first line must be code,name,email_domain"),
        ("kode;nama;domain\n", 1, "the first line must be"),
        (HEAD, 1, "holds no agency"),
        (HEAD + "dinkes,Dinas Kesehatan\n", 2, "2 columns instead of 3"),
        (HEAD + DINKES + "\n", 3, "0 columns instead of 3"),
        (HEAD + DINKES + DINKES, 3, "stands twice"),
        (HEAD + DINKES + "lain,Dinas Kesehatan,a.example\n", 3, "stands twice"),
        (HEAD + "Dinkes,Dinas Kesehatan,a.example\n", 2, "code 'Dinkes'"),
        (HEAD + f"{'a' * 41},Dinas Kesehatan,a.example\n", 2, "code"),
        (HEAD + "dinkes,,a.example\n", 2, "name ''"),
        (HEAD + "dinkes, Dinas Kesehatan,a.example\n", 2, "name ' Dinas Kesehatan'"),
        (HEAD + "dinkes,Dinas\u202eKesehatan,a.example\n", 2, "not plain text"),
        (HEAD + f"dinkes,{'D' * 201},a.example\n", 2, "too long"),
        (HEAD + "dinkes,Dinas Kesehatan,kalbar\n", 2, "e-mail domain 'kalbar'"),
        (HEAD + "dinkes,Dinas Kesehatan,@a.example\n", 2, "e-mail domain"),
        (HEAD + DINKES + 'lain,"Dinas Lain,a.example\n', 3, "unexpected end of data"),
    ],
)
def test_a_mistake_names_the_line(tmp_path: Path, text: str, line: int, mistake: str) -> None:
    path = register(tmp_path, text)
    with pytest.raises(AgencyFileError) as caught:
        load_agencies(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert mistake in str(caught.value)


def test_a_missing_register_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgencyFileError, match=r"agencies\.csv"):
        load_agencies(tmp_path / "agencies.csv")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "agencies.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AgencyFileError, match="utf-8"):
        load_agencies(tmp_path / "agencies.csv")
