"""A person, a text and a letter as rows, and the pointers by which the relay says them to the readers.

Promise P10: events, facts and views hold only `person_id`, `text_id`, `letter_id`; forgetting is deleting these rows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field

from shared.event_sourcing.database import Connection, Pool
from shared.event_sourcing.store import Pointer, Upsert

PersonKind = Literal["contact", "administrator", "section", "complainant"]


class Person(BaseModel):
    """The present data of one person (or section of an office), as its owner last heard it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    person_id: UUID
    kind: PersonKind
    name: str
    nip: str | None = None
    position: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None


class Text(BaseModel):
    """A free text of or about a person."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text_id: UUID
    person_id: UUID | None = None
    body: Annotated[str, Field(pattern=r"^[^\x00]*$")]
    """No NUL: PostgreSQL's text cannot hold one."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Rows to write together with the events, and what to say of them."""

    rows: tuple[Upsert, ...] = ()
    pointers: tuple[Pointer, ...] = ()

    def __add__(self, other: "Personal") -> "Personal":
        return Personal(self.rows + other.rows, self.pointers + other.pointers)


def person_row(person: Person, topic: str | None) -> Personal:
    """The person's row; with a topic, readers get a copy."""
    data = orjson.dumps(person.model_dump(mode="json", exclude_none=True))
    row = Upsert("persons", {"person_id": person.person_id}, {"data": data})
    return Personal((row,), (Pointer(topic, str(person.person_id), "person"),) if topic else ())


def text_row(text: Text, topic: str | None) -> Personal:
    """The text's row; with a topic, readers get a copy."""
    values = {"person_id": text.person_id, "body": text.body}
    row = Upsert("texts", {"text_id": text.text_id}, values)
    return Personal((row,), (Pointer(topic, str(text.text_id), "text"),) if topic else ())


def letter_row(letter_id: UUID, content: bytes, person_ids: Sequence[UUID]) -> Personal:
    """A letter's bytes with their SHA-256 and the persons it names."""
    digest = hashlib.sha256(content).digest()
    values = {"person_ids": list(person_ids), "sha256": digest, "bytes": content}
    return Personal((Upsert("letters", {"letter_id": letter_id}, values),))


def officer_row(officer_id: UUID, issuer: str, subject: str, name: str) -> Personal:
    """Who acted: the name and subject of an officer stand here alone."""
    values = {"issuer": issuer, "subject": subject, "name": name}
    return Personal((Upsert("officers", {"officer_id": officer_id}, values),))


async def find_person(source: Pool | Connection, person_id: UUID) -> Person | None:
    """The person as this service knows them; None if the row is not here (yet, or any more)."""
    data = await source.fetchval("select data from persons where person_id = $1", person_id)
    return Person.model_validate_json(data) if data else None


async def find_text(source: Pool | Connection, text_id: UUID) -> str | None:
    """The text as this service knows it; None if the row is not here (yet, or any more)."""
    body: str | None = await source.fetchval("select body from texts where text_id = $1", text_id)
    return body


async def is_forgotten(source: Pool | Connection, person_id: UUID) -> bool:
    """Whether this person is never to be known here again."""
    return bool(await source.fetchval("select 1 from forgotten where person_id = $1", person_id))
