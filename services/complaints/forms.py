"""What a complainant or an officer sends, checked as far as it can be without the database, in Indonesian."""

import re
from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID, uuid4

from pydantic import AfterValidator, model_validator

from services.complaints import views
from shared.contracts.subjects import Category, Channel
from shared.contracts.topics import COMPLAINANTS
from shared.people.persons import Person, Personal, Text, person_row, text_row
from shared.web.field_messages import refuse_value
from shared.web.fields import (
    AwareInstant,
    EmailAddress,
    MultiLineText,
    Phone,
    SingleLineText,
)
from shared.web.json_body import RequestBody
from shared.web.problems import NOT_FOUND, FieldError, Refusal, problem
from shared.web.sign_in import Officer

REFUSALS: Mapping[str, Refusal] = {"unknown_complaint": NOT_FOUND}

REQUEST_NUMBER = re.compile(r"DC-\d{4}-\d{6,12}", re.ASCII)


def _request_number(text: str) -> str:
    if not REQUEST_NUMBER.fullmatch(text):
        refuse_value("request_number", "Tulis nomor registrasi seperti DC-2026-000123.")
    return text


class ComplainantForm(RequestBody):
    """Who complains, with at least one way to answer."""

    name: SingleLineText
    email: EmailAddress | None = None
    phone: Phone | None = None
    address: SingleLineText | None = None

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if not (self.email or self.phone or self.address):
            refuse_value("no_way_to_answer", "Isi surel, telepon, atau alamat untuk jawaban.")
        return self


class ComplaintForm(RequestBody):
    """A complaint by one of the eight channels. The narrative and the complainant are personal."""

    channel: Channel
    narrative: MultiLineText
    received_at: AwareInstant | None = None
    category: Category | None = None
    anonymous: bool = False
    confidential: bool = False
    complainant: ComplainantForm | None = None
    request_number: Annotated[SingleLineText, AfterValidator(_request_number)] | None = None
    channel_reference: SingleLineText | None = None

    def content(self) -> bytes:
        """What was said, for recognising the same complaint again."""
        return self.model_dump_json(warnings=False).encode()  # pydantic warns of checked instants


def check(form: ComplaintForm, officer: Officer | None) -> None:
    """The rules between fields; raises a Problem naming each field at fault.

    The public files by the contact page, unclassified, and is received as it files (DOMAIN section 4 rule 6).
    """
    errors = []
    if officer is None:
        if form.channel != "contact_page":
            errors.append(FieldError("channel", "Kanal ini diisi petugas; gunakan contact_page."))
        if form.category is not None:
            errors.append(FieldError("category", "Kategori ditetapkan oleh petugas."))
        if form.received_at is not None:
            errors.append(FieldError("received_at", "Waktu diterima diisi oleh petugas."))
    if form.anonymous and form.complainant is not None:
        errors.append(FieldError("complainant", "Pengaduan anonim tidak memuat data pengadu."))
    if not form.anonymous and form.complainant is None:
        errors.append(FieldError("complainant", "Wajib diisi, kecuali pengaduan anonim."))
    if errors:
        raise problem(422, *errors)


def personal(
    form: ComplaintForm, complaint_id: UUID, text_id: UUID
) -> tuple[UUID | None, Personal]:
    """The complainant's new id, and the rows to store with the filing: only the complainant is told to anybody."""
    rows, complainant_id = Personal(), None
    if form.complainant is not None:
        complainant_id = uuid4()
        told = form.complainant.model_dump()
        person = Person(person_id=complainant_id, kind="complainant", **told)
        rows += person_row(person, COMPLAINANTS.name)
    rows += text_row(Text(text_id=text_id, person_id=complainant_id, body=form.narrative), None)
    if form.channel_reference is not None:
        rows += views.channel_reference(complaint_id, form.channel_reference)
    return complainant_id, rows
