"""The parts of a published standard: requirements, steps, time, fee, product, complaints."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.working_time.deadlines import Limit


def _limit(value: object) -> Limit:
    if not isinstance(value, str):
        message = "a limit is text with its unit, such as 5wd or 3wh"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueError only
    return Limit.parse(value)


def all_different(codes: list[str], what: str) -> None:
    """Raise ValueError naming what stands twice."""
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        message = f"{what} stand twice: {', '.join(twice)}"
        raise ValueError(message)


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https://|mailto:|tel:)\S+$")]
LimitText = Annotated[Limit, BeforeValidator(_limit)]


class Part(BaseModel):
    """Strict and unchangeable; an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Owner(Part):
    """The office that gives the service."""

    name: Text
    short_name: Text
    address: Text
    telephone: Text
    email: Text
    website: Url


class Requirements(Part):
    """Persyaratan."""

    title: Text
    items: list[Text] = Field(min_length=1)


class Step(Part):
    """One step of the procedure and who takes it."""

    code: Code
    actor: Text
    text: Text


class Procedure(Part):
    """Prosedur."""

    title: Text
    steps: list[Step] = Field(min_length=1)


class Completion(Part):
    """Waktu penyelesaian, for the whole chain of a request."""

    title: Text
    limit: LimitText
    text: Text


class Fee(Part):
    """Biaya, in rupiah."""

    title: Text
    rupiah: int = Field(ge=0)
    text: Text


class Product(Part):
    """Produk."""

    title: Text
    text: Text


class Contact(Part):
    """A contact one can follow."""

    label: Text
    url: Url


class Channel(Part):
    """A way to complain."""

    code: Code
    label: Text
    text: Text
    contacts: list[Contact] = Field(default_factory=list)


class Category(Part):
    """A kind of complaint and the time it may take."""

    code: Code
    label: Text
    limit: LimitText
    text: Text


def _channels(channels: list[Channel]) -> list[Channel]:
    all_different([channel.code for channel in channels], "channels")
    return channels


def _categories(categories: list[Category]) -> list[Category]:
    all_different([category.code for category in categories], "categories")
    return categories


class Complaints(Part):
    """Pengaduan."""

    title: Text
    channels: Annotated[list[Channel], Field(min_length=1), AfterValidator(_channels)]
    categories: Annotated[list[Category], Field(min_length=1), AfterValidator(_categories)]


class LegalBasis(Part):
    """A law to cite."""

    code: Code
    citation: Text
    about: Text


class Retention(Part):
    """How long a closed case is kept; the deployer's decision unless the SK says so."""

    years_after_closing: int = Field(ge=1, le=100)
    from_the_standard: bool
    note: Text
