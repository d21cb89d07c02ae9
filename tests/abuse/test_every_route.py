"""Whatever field of whatever route is filled in badly: it is named in Indonesian, and nothing is stored (P9, P13)."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.abuse.offices import (
    AGENCIES,
    CASE_ID,
    COMPLAINT,
    DECISION,
    OPENERS,
    Form,
    Office,
    changed,
    encoded,
    officer,
    opening,
    request_id,
    takes_letter,
    told,
)
from tests.support.system import request_form

FRONT_DESK = officer("front-desk") | {"Idempotency-Key": "bad"}
RECEIVED = {"received_at": "2026-11-23T10:00:00+07:00"}
REASON: Form = {"reason": "Salah alamat."}


@dataclass(frozen=True, slots=True)
class Route:
    """A route with a form that is right, but for what a test makes wrong."""

    service: str
    path: str
    form: Form
    headers: Mapping[str, str] = field(default_factory=dict)

    def leaves(self) -> Iterator[tuple[str, object]]:
        """Every field by its path, with what is right for it."""
        yield from _leaves(self.form, "")


def _leaves(form: Form, path: str) -> Iterator[tuple[str, object]]:
    for name, value in form.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name, value


ROUTES = [
    Route("intake", "/api/requests", request_form(AGENCIES[2]) | RECEIVED, FRONT_DESK),
    Route(
        "intake",
        f"/api/requests/{request_id(1)}/completion",
        request_form(AGENCIES[1]) | RECEIVED,
        FRONT_DESK,
    ),
    Route("intake", f"/api/requests/{request_id(0)}/withdrawal", REASON, opening(0)),
    Route("intake", f"/api/requests/{request_id(0)}/setting-aside", REASON, FRONT_DESK),
    Route("review", f"/api/reviews/{CASE_ID}/decision", DECISION, officer("reviewer")),
    Route(
        "complaints",
        "/api/complaints",
        COMPLAINT | RECEIVED | {"channel": "telephone", "category": "minor"},
        officer("complaint-officer") | {"Idempotency-Key": "bad"},
    ),
]
PATHS = [route.path.rpartition("/")[2] for route in ROUTES]
each_route = pytest.mark.parametrize(
    ("office", "route"),
    [(route.service, route) for route in ROUTES],
    indirect=["office"],
    ids=PATHS,
)

Spoil = Callable[[str], object]
PARAGRAPHS = {"narrative"}
SPOILT: Mapping[str, Spoil] = {
    "CR LF": lambda good: f"{good}\r\nBcc: x@y.id",
    "CR": lambda good: f"{good}\r",
    "LF": lambda good: f"{good}\nBcc: x@y.id",
    "NUL": lambda good: f"{good[:2]}\0{good[2:]}",
    "bidi": lambda good: f"{good[:2]}\u202e{good[2:]}",
    "10,000 characters": lambda good: good + "x" * 10_000,
    "empty": lambda _: "",
    "whitespace": lambda _: " \u3000 ",
    "a dash": lambda _: "-",
    "lone surrogate": lambda good: f"{good}\ud800",
    "number": lambda _: 7,
    "boolean": lambda _: True,
    "list": lambda good: [good],
    "object": lambda good: {"text": good},
}


async def refused(office: Office, route: Route, bodies: Mapping[str, bytes]) -> None:
    """Each body is a mistake in the field it is listed under, and no trace of it is left."""
    before = await office.stored()
    for name, body in bodies.items():
        told(await office.post(route.path, body, route.headers), 422, name)
    assert await office.stored() == before


@each_route
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_bad_text_is_named_wherever_it_stands(
    office: Office, route: Route, spoil: Spoil
) -> None:
    texts = {name: good for name, good in route.leaves() if isinstance(good, str)}
    if spoil is SPOILT["LF"]:
        texts = {name: good for name, good in texts.items() if name not in PARAGRAPHS}
    bodies = {name: encoded(changed(route.form, name, spoil(good))) for name, good in texts.items()}
    await refused(office, route, bodies)


@each_route
async def test_a_number_or_a_flag_of_another_kind_is_named(office: Office, route: Route) -> None:
    others = [name for name, good in route.leaves() if not isinstance(good, str)]
    values: list[object] = ["1", 1.5, None, 1e30, float("nan"), 10**40, [], {}]
    for value in values:
        bodies = {name: encoded(changed(route.form, name, value)) for name in others}
        await refused(office, route, bodies)


@each_route
async def test_a_field_given_twice_is_named(office: Office, route: Route) -> None:
    names = [*(name for name, _ in route.leaves()), *route.form]
    await refused(office, route, {name: encoded(route.form, twice=name) for name in names})


@each_route
async def test_a_field_nobody_knows_is_named(office: Office, route: Route) -> None:
    groups = [name for name, value in route.form.items() if isinstance(value, dict)]
    names = ["surprise", *(f"{name}.surprise" for name in groups)]
    await refused(office, route, {name: encoded(changed(route.form, name, "x")) for name in names})


OPTIONAL = {
    "received_at", "category", "anonymous", "confidential", "request_number", "channel_reference",
    "complainant.email", "complainant.phone", "complainant.address",
}  # fmt: skip


@each_route
async def test_a_field_left_out_is_named_if_it_is_needed(office: Office, route: Route) -> None:
    names = {name for name, _ in route.leaves()} | set(route.form)
    needed = sorted(names - OPTIONAL)
    await refused(office, route, {name: encoded(changed(route.form, name, ...)) for name in needed})


@each_route
@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"{", b"[]", b"null", b'"a"', b"7", b"NaN", b"\xff", b"\xef\xbb\xbf{}", b"[" * 30_000],
    ids=["nothing", "blank", "half", "list", "null", "text", "number", "nan", "not UTF-8", "BOM", "deep"],
)  # fmt: skip
async def test_what_is_no_form_is_told_so(office: Office, route: Route, body: bytes) -> None:
    whole = "request" if takes_letter(route.path) else "body"
    await refused(office, route, {whole: body})


@each_route
async def test_another_kind_of_content_is_told_so(office: Office, route: Route) -> None:
    before = await office.stored()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
    ):
        sent = {**route.headers, "Content-Type": kind}
        told(
            await office.client.post(route.path, content=json.dumps(route.form), headers=sent), 415
        )
    assert await office.stored() == before


@pytest.mark.parametrize(
    ("fresh", "route"), [(route.service, route) for route in ROUTES], indirect=["fresh"], ids=PATHS
)
async def test_what_is_right_is_taken(fresh: str, route: Route) -> None:
    async with OPENERS[route.service](fresh) as office:
        before = await office.stored()
        now = changed(route.form, "received_at", ...)
        answer = await office.post(route.path, encoded(now), route.headers)
        assert answer.is_success, answer.text
        assert await office.stored() != before
