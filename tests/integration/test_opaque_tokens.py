"""Against a real OpenID provider with opaque tokens: userinfo says who it is, remembered for a minute."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter

from shared.event_sourcing.outcomes import Unavailable
from shared.web.application import Health, create_app
from shared.web.identity_provider import USERINFO_SECONDS, IdentityProvider
from shared.web.sign_in import NotSignedIn, SignedInOfficer, officer_id
from tests.support.identity import MockProvider, mock_provider
from tests.support.web import client_of, fields_of, settings

REVIEWER = {"sub": "reviewer", "name": "Siti Rahma", "roles": ["reviewer"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[MockProvider]:
    with mock_provider(REVIEWER) as provider:
        yield provider


async def test_the_officer_of_an_opaque_token_is_asked_for_and_remembered_for_a_minute(
    provider: MockProvider,
) -> None:
    now = [0.0]
    token = await provider.token("reviewer")
    async with IdentityProvider(
        provider.issuer, "datacloud", opaque_tokens=True, clock=lambda: now[0]
    ) as identity:
        officer = await identity.officer(token)
        assert officer.officer_id == officer_id(provider.issuer, "reviewer")
        assert (officer.name, officer.roles) == ("Siti Rahma", frozenset({"reviewer"}))
        await provider.revoke("reviewer")
        assert await identity.officer(token) == officer
        now[0] += USERINFO_SECONDS
        with pytest.raises(NotSignedIn):
            await identity.officer(token)


async def test_a_made_up_token_is_refused(provider: MockProvider) -> None:
    async with IdentityProvider(provider.issuer, "datacloud", opaque_tokens=True) as identity:
        with pytest.raises(NotSignedIn):
            await identity.officer("made-up")


async def test_a_provider_that_is_away_says_nothing_about_the_token() -> None:
    async with IdentityProvider("http://127.0.0.1:9", "datacloud", opaque_tokens=True) as identity:
        with pytest.raises(Unavailable):
            await identity.officer("made-up")


async def test_a_token_that_is_no_header_is_refused_like_any_other() -> None:
    router = APIRouter()

    @router.get("/api/me")
    async def me(officer: SignedInOfficer) -> str:
        return officer.name

    health = Health(live=lambda: (True, {}), ready=lambda: (True, {}))
    async with IdentityProvider("http://127.0.0.1:9", "datacloud", opaque_tokens=True) as identity:
        app = create_app(settings(), [router], identity=identity, health=health)
        async with client_of(app) as client:
            answer = await client.get("/api/me", headers=[(b"Authorization", b"Bearer \xe9")])
    assert (answer.status_code, fields_of(answer)) == (401, [])
