"""What a PD sends, checked as far as it can be without the database, and how a refusal is told, in Indonesian."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from uuid import uuid4

from pydantic import model_validator

from services.intake import views
from services.intake.commands import Papers, RequestKind
from shared.contracts.topics import PEOPLE
from shared.people.persons import Person, Personal, letter_row, person_row
from shared.service_standard.agencies import Agency, agencies
from shared.web.field_messages import refuse_value
from shared.web.fields import (
    AwareInstant,
    Day,
    EmailAddress,
    Nip,
    Phone,
    ReasonText,
    SingleLine,
    SingleLineText,
    domain_of,
)
from shared.web.json_body import RequestBody
from shared.web.letters import Letter
from shared.web.problems import INVALID_INPUT, NOT_FOUND, FieldError, Refusal, problem

REFUSALS: Mapping[str, Refusal] = {
    "unknown_request": NOT_FOUND,
    "open_request_exists": Refusal(
        409,
        "Sudah ada permintaan",
        "Permintaan {registration_number} dari perangkat daerah ini masih berjalan.",
        field="agency_code",
    ),
    "account_exists": Refusal(
        409,
        "Sudah punya akun",
        "Perangkat daerah ini sudah punya akun; ajukan replace_administrator untuk mengganti admin.",
        field="kind",
    ),
    "no_account_yet": Refusal(
        409,
        "Belum punya akun",
        "Perangkat daerah ini belum punya akun; ajukan open_account lebih dahulu.",
        field="kind",
    ),
    "not_returned": Refusal(
        409, "Tidak dapat dilengkapi", "Hanya permintaan yang dikembalikan yang dapat dilengkapi."
    ),
    "received_before_return": Refusal(
        422,
        INVALID_INPUT[0],
        "Berkas yang dilengkapi tidak mungkin diterima sebelum permintaannya dikembalikan.",
        field="received_at",
    ),
    "request_closed": Refusal(409, "Sudah selesai", "Permintaan ini sudah berakhir."),
}


class AdministratorForm(RequestBody):
    """The person or section that the PD appoints."""

    kind: Literal["person", "section"]
    name: SingleLineText
    nip: Nip | None = None
    position: SingleLineText
    email: EmailAddress
    phone: Phone

    @model_validator(mode="after")
    def _person_has_nip(self) -> Self:
        if self.kind == "person" and self.nip is None:
            refuse_value("nip_missing", "NIP wajib diisi untuk perorangan.", "nip")
        return self


class RequestForm(RequestBody):
    """The letter of a PD and whom it appoints."""

    agency_code: SingleLineText
    kind: RequestKind
    letter_number: Annotated[str, SingleLine(100)]
    letter_date: Day
    received_at: AwareInstant | None = None
    contact_email: EmailAddress
    administrator: AdministratorForm


class ReasonForm(RequestBody):
    """Why a request is withdrawn or set aside."""

    reason: ReasonText


@dataclass(frozen=True, slots=True)
class Filing:
    """A checked form with its letters."""

    form: RequestForm
    agency: Agency
    letter: Letter
    appointment: Letter | None

    def papers(self) -> tuple[Papers, Personal]:
        """New ids for everything personal, and the rows to store under them together with the events."""
        administrator, contact = self._persons()
        letter_id, appointment_id = uuid4(), uuid4() if self.appointment else None
        persons = [administrator.person_id, contact.person_id]
        rows = (
            person_row(administrator, PEOPLE.name)
            + person_row(contact, PEOPLE.name)
            + letter_row(letter_id, self.letter.content, persons)
            + views.letter_details(letter_id, self.form.letter_number, self.form.letter_date)
        )
        if self.appointment and appointment_id:
            rows += letter_row(appointment_id, self.appointment.content, persons)
        papers = Papers(administrator.person_id, contact.person_id, letter_id, appointment_id)
        return papers, rows

    def content(self) -> bytes:
        """What was said, for recognising the same request again."""
        letters = self.letter.sha256 + (self.appointment.sha256 if self.appointment else b"")
        return (
            self.form.model_dump_json(warnings=False).encode() + letters
        )  # pydantic warns of checked dates

    def _persons(self) -> tuple[Person, Person]:
        appointed = self.form.administrator
        administrator = Person(
            person_id=uuid4(),
            kind="section" if appointed.kind == "section" else "administrator",
            name=appointed.name,
            nip=appointed.nip,
            position=appointed.position,
            email=appointed.email,
            phone=appointed.phone,
        )
        contact = Person(
            person_id=uuid4(),
            kind="contact",
            name=self.agency.name,
            email=self.form.contact_email,
        )
        return administrator, contact


def agency_of(form: RequestForm, extra_domains: Collection[str]) -> Agency:
    """The agency of the register whose addresses the form uses; raises a Problem naming each field at fault."""
    agency = agencies().get(form.agency_code)
    if agency is None:
        raise problem(422, FieldError("agency_code", "Kode perangkat daerah tidak terdaftar."))
    allowed = {agency.email_domain, *extra_domains}
    message = f"Alamat surel harus berada di {agency.email_domain}."
    errors = [
        FieldError(field, message)
        for field, address in (
            ("contact_email", form.contact_email),
            ("administrator.email", form.administrator.email),
        )
        if domain_of(address) not in allowed
    ]
    if errors:
        raise problem(422, *errors)
    return agency
