"""Whatever is sent, the answer is a good one or a problem that names a field: never a failure (S46, S47)."""

import json
import unicodedata
from typing import Any

from fastapi import APIRouter, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.web.fields import (
    AwareInstant,
    Day,
    EmailAddress,
    MultiLineText,
    Nip,
    Phone,
    SingleLineText,
)
from shared.web.headers import RequiredIdempotencyKey, SentTrackingCode
from shared.web.json_body import RequestBody, read_json
from shared.web.multipart import pdf_part, read_multipart
from tests.support.web import application, client_of, fields_of

CORPUS = [
    "=cmd|' /C calc'!A0", "%0d%0aBcc: x@y.id", "a\r\nBcc: x@y.id", "\u202egpj.exe", "{{7*7}}",
    "${jndi:ldap://x}", "<script>alert(1)</script>",
    "' or 1=1 --", "\x00", "\ud800", "\U000e0041", "a@b.id, c@d.id", "../../etc/passwd",
    "\u0130\u0131", "ﷺ" * 50, "Z̧̢̛̖͉͕͔̪̺̝̎͌ͅ", "\ufeff", "1e999",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from(CORPUS),
    st.text(st.sampled_from("aA1@.\r\n\0\u202e\u200b -+")),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


class Person(RequestBody):
    name: SingleLineText | None = None
    narrative: MultiLineText | None = None
    email: EmailAddress | None = None
    phone: Phone | None = None
    nip: Nip | None = None
    at: AwareInstant | None = None
    day: Day | None = None


class Whole(RequestBody):
    person: Person | None = None
    people: tuple[Person, ...] = ()
    kind: str | None = None


def routes() -> APIRouter:
    router = APIRouter()

    @router.post("/json")
    async def by_json(request: Request) -> dict[str, Any]:
        return (await read_json(request, Whole)).model_dump(mode="json")

    @router.post("/multipart")
    async def by_multipart(request: Request) -> dict[str, Any]:
        read = await read_multipart(request, Whole, (pdf_part("letter"),))
        return read.body.model_dump(mode="json")

    @router.post("/headers")
    async def headers(key: RequiredIdempotencyKey, code: SentTrackingCode) -> list[str | None]:
        return [key, code]

    return router


APP = application(routes())


async def answered(path: str, body: bytes, **headers: str) -> dict[str, Any] | None:
    async with client_of(APP) as client:
        answer = await client.post(path, content=body, headers=headers)
    if answer.status_code == 200:
        return dict(answer.json()) if isinstance(answer.json(), dict) else None
    assert 400 <= answer.status_code < 500, answer.text
    fields_of(answer)
    return None


def encoded(value: object) -> bytes:
    """As hostile software writes it: NaN, lone surrogates as escapes."""
    return json.dumps(value).encode("ascii")


@UNHURRIED
@given(
    st.fixed_dictionaries(
        {}, optional={field: TEXTS | st.integers() for field in Person.model_fields}
    )
)
async def test_what_is_kept_of_a_person_can_forge_nothing(person: dict[str, Any]) -> None:
    kept = await answered(
        "/json", encoded({"person": person}), **{"Content-Type": "application/json"}
    )
    if kept is None:
        return
    for field, text in kept["person"].items():
        if text is not None:
            allowed = {"\n", "\t"} if field == "narrative" else set()
            controls = {each for each in text if unicodedata.category(each) == "Cc"}
            assert controls <= allowed
            assert BIDI.isdisjoint(text)
            assert not text.encode("utf-8").isspace()
    assert "," not in (kept["person"]["email"] or "")


@UNHURRIED
@given(JSON | st.fixed_dictionaries({}, optional={"person": JSON, "people": JSON, "kind": JSON}))
async def test_any_json_gets_an_answer(value: object) -> None:
    await answered("/json", encoded(value), **{"Content-Type": "application/json"})


@UNHURRIED
@given(st.binary(max_size=500), st.sampled_from(["application/json", "text/json", ""]))
async def test_any_bytes_get_an_answer(body: bytes, media_type: str) -> None:
    await answered("/json", body, **{"Content-Type": media_type})


@UNHURRIED
@given(
    st.lists(
        st.sampled_from(
            [b"--b", b"--b--", b"--", b"\r\n", b"\n", b":", b";", b" ", b"\x00",
             b'Content-Disposition: form-data; name="letter"',
             b"Content-Disposition: form-data; name*=UTF-8''letter", b"Content-Type: application/pdf",
             b'name="request"', b"{}", b'{"kind": "x"}']
        )
        | st.binary(max_size=20),
        max_size=30,
    )
)  # fmt: skip
async def test_any_multipart_gets_an_answer(pieces: list[bytes]) -> None:
    await answered(
        "/multipart", b"".join(pieces), **{"Content-Type": "multipart/form-data; boundary=b"}
    )


@UNHURRIED
@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60))
async def test_any_header_gets_an_answer(value: str) -> None:
    async with client_of(APP) as client:
        names = (
            b"Idempotency-Key",
            b"Tracking-Code",
            b"Content-Type",
            b"X-Correlation-ID",
            b"Authorization",
        )
        headers = [(name, value.encode("latin-1")) for name in names]
        answer = await client.post("/headers", headers=headers)
    assert answer.status_code in {200, 422}
