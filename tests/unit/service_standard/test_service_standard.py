"""The published standard is data: numbers and units come from the file, mistakes are told."""

from datetime import date
from pathlib import Path

import pytest

from shared.service_standard.standard import (
    BUNDLED,
    StandardFileError,
    Standards,
    UnknownStandardError,
    load_standard,
    load_standards,
)
from shared.working_time.deadlines import Limit

TEXT = (BUNDLED / "sk-09-diskominfo-2022.toml").read_text(encoding="utf-8")


def written(directory: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (directory / f"sk-{number}.toml").write_text(text, encoding="utf-8")
    return directory


def another(number: str, effective_on: str, limit: str = "3wh") -> str:
    """A sister agency's standard: other number, date and a category in hours."""
    changed = TEXT.replace('number = "09/DISKOMINFO/2022"', f'number = "{number}"')
    changed = changed.replace("effective_on = 2022-01-01", f"effective_on = {effective_on}")
    return changed.replace('limit = "5wd"', f'limit = "{limit}"')


def test_the_bundled_standard_says_what_was_published() -> None:
    standard = load_standard()
    assert standard.number == "09/DISKOMINFO/2022"
    assert standard.request_limit == Limit(1, "wd")
    assert {code: str(limit) for code, limit in standard.complaint_limits.items()} == {
        "minor": "5wd",
        "normative": "5wd",
        "non_supervisory": "14wd",
        "supervisory": "60wd",
    }
    assert standard.shortest_complaint_limit == Limit(5, "wd")
    assert standard.fee.rupiah == 0
    assert [step.code for step in standard.procedure.steps] == [
        "request",
        "review",
        "activation",
        "confirmation",
    ]


def test_the_eight_channels_come_with_their_contacts() -> None:
    channels = load_standard().channels
    assert list(channels) == [
        "face_to_face",
        "complaint_box",
        "whatsapp",
        "telephone",
        "email",
        "sp4n_lapor",
        "contact_page",
        "social_media",
    ]
    assert channels["whatsapp"].text == "089699305225"
    assert channels["email"].contacts[0].url == "mailto:diskominfo@kalbarprov.go.id"
    assert len(channels["social_media"].contacts) == 3


def test_retention_is_five_years_and_not_from_the_standard() -> None:
    retention = load_standard().retention
    assert (retention.years_after_closing, retention.from_the_standard) == (5, False)
    assert "Bukan dari SK" in retention.note


def test_the_standard_is_read_once() -> None:
    assert load_standard() is load_standard()


def test_a_standard_in_hours_makes_hours_the_shortest_limit(tmp_path: Path) -> None:
    standard = load_standards(written(tmp_path, another("1/UJI/2024", "2024-01-01"))).newest
    assert standard.complaint_limits["minor"] == Limit(3, "wh")
    assert standard.shortest_complaint_limit == Limit(3, "wh")


@pytest.fixture
def versions(tmp_path: Path) -> Standards:
    return load_standards(written(tmp_path, another("12/DISKOMINFO/2026", "2026-07-01"), TEXT))


@pytest.mark.parametrize(
    ("received_on", "number"),
    [
        (date(2019, 5, 1), "09/DISKOMINFO/2022"),
        (date(2022, 1, 1), "09/DISKOMINFO/2022"),
        (date(2026, 6, 30), "09/DISKOMINFO/2022"),
        (date(2026, 7, 1), "12/DISKOMINFO/2026"),
        (date(2027, 1, 1), "12/DISKOMINFO/2026"),
    ],
)
def test_a_case_runs_under_the_version_of_its_receipt(
    versions: Standards, received_on: date, number: str
) -> None:
    assert versions.at(received_on).number == number
    assert versions.by_number(number) is versions.at(received_on)


def test_the_newest_version_is_the_last_to_take_effect(versions: Standards) -> None:
    assert versions.newest.number == "12/DISKOMINFO/2026"


def test_an_unknown_number_is_a_clear_error(versions: Standards) -> None:
    with pytest.raises(UnknownStandardError, match="no standard '1/X/1999'"):
        versions.by_number("1/X/1999")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('limit = "1wd"', 'limit = "1"', "completion.limit"),
        ('limit = "1wd"', "limit = 1", "with its unit"),
        ('limit = "60wd"', 'limit = "0wd"', "complaints.categories.3.limit"),
        ('code = "normative"', 'code = "minor"', "categories stand twice: minor"),
        ('code = "telephone"', 'code = "whatsapp"', "channels stand twice: whatsapp"),
        ('code = "review"', 'code = "request"', "steps stand twice: request"),
        ('code = "uu-27-2022"', 'code = "uu-25-2009"', "legal bases stand twice"),
        ('code = "minor"', 'code = "Ringan Sekali"', "complaints.categories.0.code"),
        ("rupiah = 0", "rupiah = -1", "fee.rupiah"),
        ("rupiah = 0", "rupees = 0", "fee.rupees"),
        ('title = "Biaya"', 'title = " "', "fee.title"),
        ("years_after_closing = 5", "years_after_closing = 0", "retention.years_after_closing"),
        ("effective_on = 2022-01-01", 'effective_on = "2022"', "effective_on"),
        ("https://wa.me/", "javascript:alert/", "complaints.channels.2.contacts.0.url"),
        ('number = "09/DISKOMINFO/2022"', "", "number: Field required"),
        ('number = "09/DISKOMINFO/2022"', "number =", "Invalid value"),
    ],
)
def test_a_mistake_names_the_file_and_the_place(
    tmp_path: Path, old: str, new: str, mistake: str
) -> None:
    assert old in TEXT
    with pytest.raises(StandardFileError) as caught:
        load_standards(written(tmp_path, TEXT.replace(old, new, 1)))
    assert str(tmp_path / "sk-0.toml") in str(caught.value)
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    ("number", "effective_on", "mistake"),
    [
        ("09/DISKOMINFO/2022", "2026-07-01", "stands in another file too"),
        ("12/DISKOMINFO/2026", "2022-01-01", "another standard begins on 2022-01-01"),
    ],
)
def test_two_versions_cannot_share_number_or_date(
    tmp_path: Path, number: str, effective_on: str, mistake: str
) -> None:
    with pytest.raises(StandardFileError, match=mistake):
        load_standards(written(tmp_path, TEXT, another(number, effective_on)))


def test_a_directory_without_standards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StandardFileError, match="holds no standard"):
        load_standards(tmp_path)


def test_a_standard_cannot_be_changed_after_reading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_standard().fee, "rupiah", 1)  # noqa: B010 - mypy would rightly refuse it
    assert load_standard().fee.rupiah == 0
