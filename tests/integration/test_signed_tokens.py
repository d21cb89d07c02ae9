"""A signed access token makes an officer only if the provider signed it, for us, and it is valid now."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from shared.event_sourcing.outcomes import Unavailable
from shared.web.identity_provider import KEYS_FRESH_SECONDS, KEYS_STALE_SECONDS, IdentityProvider
from shared.web.sign_in import NotSignedIn, officer_id
from tests.support.identity import HandmadeProvider, handmade_provider

KEY = RSAKey.generate_key(2048, auto_kid=True)
NEXT_KEY = RSAKey.generate_key(2048, auto_kid=True)
IMPOSTOR = RSAKey.generate_key(2048, {"kid": str(KEY.kid)})
CONFIGURATION = "/.well-known/openid-configuration"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Iterator[HandmadeProvider]:
    with handmade_provider() as provider:
        provider.publish_keys(KEY)
        yield provider


@pytest.fixture
async def identity(provider: HandmadeProvider, clock: Clock) -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider(provider.issuer, "datacloud", clock=clock) as identity:
        yield identity


async def test_a_good_token_is_an_officer(
    identity: IdentityProvider, provider: HandmadeProvider
) -> None:
    officer = await identity.officer(provider.token(KEY))
    assert officer.officer_id == officer_id(provider.issuer, "u-1")
    assert (officer.issuer, officer.subject, officer.name) == (provider.issuer, "u-1", "Siti Rahma")
    assert officer.roles == {"reviewer"}
    assert officer.has_role("head", "reviewer")
    assert not officer.has_role("head")


def test_an_officer_has_the_same_id_in_every_service_for_ever() -> None:
    assert str(officer_id("https://id.test", "u-1")) == "9492d122-4e64-5599-80c4-6ed0dcfb7b3b"


async def test_the_keys_are_fetched_once(
    identity: IdentityProvider, provider: HandmadeProvider
) -> None:
    for _ in range(3):
        await identity.officer(provider.token(KEY))
    assert provider.asked == {CONFIGURATION: 1, "/keys": 1}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60}, {"exp": None}, {"exp": "soon"}, {"exp": float("inf")},
        {"iss": "http://elsewhere"}, {"iss": None},
        {"aud": "account"}, {"aud": None}, {"aud": []}, {"sub": None}, {"sub": ""}, {"sub": "x" * 300}, {"sub": 7},
        {"nbf": int(time.time()) + 86_400}, {"iat": int(time.time()) + 86_400}, {"typ": "ID"}, {"typ": "Refresh"},
    ],
)  # fmt: skip
async def test_a_token_that_says_something_else_is_refused(
    identity: IdentityProvider, provider: HandmadeProvider, claims: dict[str, Any]
) -> None:
    with pytest.raises(NotSignedIn):
        await identity.officer(provider.token(KEY, **claims))


@pytest.mark.parametrize(
    ("roles", "kept"),
    [(None, set()), ("reviewer", set()), ([1, {"a": 2}, "head"], {"head"}), ({"reviewer": 1}, set())],
)  # fmt: skip
async def test_roles_are_what_the_claim_lists(
    identity: IdentityProvider, provider: HandmadeProvider, roles: object, kept: set[str]
) -> None:
    assert (await identity.officer(provider.token(KEY, roles=roles))).roles == kept


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": None, "preferred_username": "siti"}, "siti"),
        ({"name": "a\nb", "preferred_username": 3}, ""),
        ({"name": "x" * 1000}, ""),
    ],
)
async def test_a_name_is_shown_only_if_it_is_one(
    identity: IdentityProvider, provider: HandmadeProvider, claims: dict[str, Any], name: str
) -> None:
    assert (await identity.officer(provider.token(KEY, **claims))).name == name


async def test_clocks_may_differ_by_a_few_seconds(
    identity: IdentityProvider, provider: HandmadeProvider
) -> None:
    now = int(time.time())
    await identity.officer(provider.token(KEY, exp=now - 5, iat=now + 10, nbf=now + 10))


def url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(provider: HandmadeProvider) -> list[str]:
    good = provider.token(KEY)
    header, payload, signature = good.split(".")
    none = url_safe(b'{"alg":"none"}')
    symmetric = url_safe(json.dumps({"alg": "HS256", "kid": KEY.kid}).encode())
    by_public_key = hmac.digest(
        KEY.as_pem(private=False), f"{symmetric}.{payload}".encode(), "sha256"
    )
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    elliptic = ECKey.generate_key("P-256", {"kid": str(KEY.kid)})
    return [
        provider.token(IMPOSTOR),
        f"{none}.{payload}.",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload[:-2]}.{signature}",
        f"{symmetric}.{payload}.{url_safe(by_public_key)}",
        jwt.encode({"alg": "ES256", "kid": KEY.kid}, claims, elliptic),
        "..",
        "a.b.c",
        "W10.W10.W10",
        "e30.e30.e30",
        "\xff.\xff.\xff",
        "\ud800.a.b",
    ]


@pytest.mark.parametrize("case", range(13))
async def test_a_forged_token_is_refused(
    identity: IdentityProvider, provider: HandmadeProvider, case: int
) -> None:
    with pytest.raises(NotSignedIn):
        await identity.officer(forged(provider)[case])


async def test_an_opaque_token_is_refused_unless_the_setting_allows_it(
    identity: IdentityProvider,
) -> None:
    with pytest.raises(NotSignedIn):
        await identity.officer("opaque")


async def test_a_new_key_is_fetched_when_a_token_names_it(
    identity: IdentityProvider, provider: HandmadeProvider, clock: Clock
) -> None:
    await identity.officer(provider.token(KEY))
    provider.publish_keys(KEY, NEXT_KEY)
    clock.now += 11
    await identity.officer(provider.token(NEXT_KEY))
    await identity.officer(provider.token(KEY))
    assert provider.asked["/keys"] == 2


async def test_tokens_with_unknown_keys_do_not_flood_the_provider(
    identity: IdentityProvider, provider: HandmadeProvider, clock: Clock
) -> None:
    await identity.officer(provider.token(KEY))
    clock.now += 11
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await identity.officer(provider.token(NEXT_KEY))
    assert provider.asked["/keys"] == 2


async def test_a_withdrawn_key_stops_opening_within_ten_minutes(
    identity: IdentityProvider, provider: HandmadeProvider, clock: Clock
) -> None:
    await identity.officer(provider.token(KEY))
    provider.publish_keys(NEXT_KEY)
    clock.now += KEYS_FRESH_SECONDS + 1
    with pytest.raises(NotSignedIn):
        await identity.officer(provider.token(KEY))


async def test_known_keys_serve_while_the_provider_is_away_but_not_for_ever(
    identity: IdentityProvider, provider: HandmadeProvider, clock: Clock
) -> None:
    await identity.officer(provider.token(KEY))
    provider.documents.clear()
    clock.now += KEYS_FRESH_SECONDS + 1
    await identity.officer(provider.token(KEY))
    clock.now += KEYS_STALE_SECONDS
    with pytest.raises(Unavailable):
        await identity.officer(provider.token(KEY))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (CONFIGURATION, (500, {})),
        (CONFIGURATION, (200, {"issuer": "http://elsewhere"})),
        (CONFIGURATION, (200, [])),
        (CONFIGURATION, (200, b"<html>")),
        (CONFIGURATION, (302, {})),
        ("/keys", (503, {})),
        ("/keys", (200, {})),
        ("/keys", (200, {"keys": []})),
        ("/keys", (200, {"keys": [{"kty": "RSA"}]})),
        ("/keys", (200, b"x" * 300_000)),
    ],
)
async def test_a_provider_that_answers_nonsense_is_away(
    identity: IdentityProvider, provider: HandmadeProvider, path: str, answer: tuple[int, Any]
) -> None:
    provider.documents[path] = answer
    with pytest.raises(Unavailable):
        await identity.officer(provider.token(KEY))


async def test_a_provider_that_comes_back_is_asked_again_soon(
    identity: IdentityProvider, provider: HandmadeProvider, clock: Clock
) -> None:
    keys = provider.documents.pop("/keys")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await identity.officer(provider.token(KEY))
    assert provider.asked["/keys"] == 1
    provider.documents["/keys"] = keys
    clock.now += 1.1
    await identity.officer(provider.token(KEY))


async def test_nobody_listening_is_a_provider_that_is_away() -> None:
    async with IdentityProvider("http://127.0.0.1:9", "datacloud") as identity:
        with pytest.raises(Unavailable):
            await identity.officer("a.b.c")
