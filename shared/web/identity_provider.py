"""The officer behind a bearer token: signed tokens by the provider's keys, opaque ones by userinfo.

Keys are fetched when first needed, every ten minutes, and when a token names one not known yet
(rotation), not oftener than every ten seconds. While the provider is away, keys fetched within the
last hour still serve.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet, KeySetSerialization

from shared.event_sourcing.outcomes import Unavailable
from shared.operations.settings import CommonSettings
from shared.web.provider_documents import ProviderDocuments, TokenRefused
from shared.web.sign_in import ROLES, NotSignedIn, Officer, officer_id

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
LEEWAY_SECONDS = 30
KEYS_FRESH_SECONDS = 600.0
KEYS_STALE_SECONDS = 3600.0
REFETCH_SECONDS = 10.0
FIRST_RETRY_SECONDS = 1.0
USERINFO_SECONDS = 60.0
USERINFO_MAX = 1000
_SUBJECT_LENGTH_MAX = 255  # OpenID Connect Core, section 2
_NAME_LENGTH_MAX = 200

Clock = Callable[[], float]


class IdentityProvider:
    """The `Identity` of every service. An async context manager; nothing is fetched before need."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        opaque_tokens: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._opaque_tokens = opaque_tokens
        self._documents = ProviderDocuments(issuer)
        self._keyring = _Keyring(self._documents, clock)
        self._known = _KnownTokens(clock)
        self._registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    @classmethod
    def of(cls, settings: CommonSettings) -> Self:
        """As the settings say."""
        opaque = settings.identity_opaque_tokens
        return cls(settings.identity_issuer, settings.identity_audience, opaque_tokens=opaque)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._documents.close()

    async def officer(self, token: str) -> Officer:
        """Raises NotSignedIn, or Unavailable when the provider is away and its help is needed."""
        if token.count(".") == 2:  # noqa: PLR2004 - header.payload.signature
            return self._officer(await self._signed_claims(token))
        if not self._opaque_tokens:
            raise NotSignedIn("opaque_token")
        if (known := self._known.get(token)) is None:
            try:
                known = self._officer(await self._documents.userinfo(token))
            except TokenRefused:
                raise NotSignedIn("unknown_token") from None
            self._known.put(token, known)
        return known

    async def _signed_claims(self, token: str) -> Mapping[str, Any]:
        keys = await self._keyring.keys()
        try:
            claims = self._decode(token, keys)
        except InvalidKeyIdError:
            keys = await self._keyring.newer_than(keys)
            try:
                claims = self._decode(token, keys)
            except InvalidKeyIdError:
                raise NotSignedIn("unknown_key") from None
        # Keycloak's claim `typ` says what a token is for: an ID or refresh token opens nothing.
        if claims.get("typ", "Bearer") != "Bearer":
            raise NotSignedIn("not_an_access_token")
        return claims

    def _decode(self, token: str, keys: KeySet) -> Mapping[str, Any]:
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            self._registry.validate(decoded.claims)
        except InvalidKeyIdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a forged token makes the library raise
            raise NotSignedIn(type(error).__name__) from None
        return decoded.claims

    def _officer(self, claims: Mapping[str, Any]) -> Officer:
        subject, roles = claims.get("sub"), claims.get("roles")
        if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LENGTH_MAX:
            raise NotSignedIn("no_subject")
        named = roles if isinstance(roles, list) else []
        return Officer(
            officer_id(self._issuer, subject),
            self._issuer,
            subject,
            _display_name(claims),
            frozenset(role for role in named if isinstance(role, str) and role in ROLES),
        )


class _Keyring:
    """The provider's public keys; one fetch at a time, however many ask."""

    def __init__(self, documents: ProviderDocuments, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def keys(self) -> KeySet:
        if self._keys is None or self._clock() - self._fetched_at > KEYS_FRESH_SECONDS:
            await self._fetch(self._keys)
        if self._keys is None or self._clock() - self._fetched_at > KEYS_STALE_SECONDS:
            raise Unavailable
        return self._keys

    async def newer_than(self, keys: KeySet) -> KeySet:
        """Other keys than these if there are any yet."""
        await self._fetch(keys)
        return self._keys or keys

    async def _fetch(self, seen: KeySet | None) -> None:
        async with self._fetching:
            if self._keys is not seen:
                return
            pause = FIRST_RETRY_SECONDS if seen is None else REFETCH_SECONDS
            if self._clock() - self._tried_at < pause:
                if seen is None:
                    raise Unavailable
                return
            self._tried_at = self._clock()
            try:
                document = await self._documents.keys()
                self._keys = KeySet.import_key_set(KeySetSerialization(keys=document["keys"]))
                self._fetched_at = self._clock()
            except Unavailable:
                if seen is None:
                    raise
            except Exception as error:
                if seen is None:
                    raise Unavailable from error


class _KnownTokens:
    """Officers of opaque tokens, by the token's hash, for at most a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._officers: OrderedDict[bytes, tuple[Officer, float]] = OrderedDict()

    def get(self, token: str) -> Officer | None:
        officer, until = self._officers.get(_hash(token), (None, 0.0))
        return officer if self._clock() < until else None

    def put(self, token: str, officer: Officer) -> None:
        self._officers[_hash(token)] = (officer, self._clock() + USERINFO_SECONDS)
        if len(self._officers) > USERINFO_MAX:
            self._officers.popitem(last=False)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _display_name(claims: Mapping[str, Any]) -> str:
    for claim in ("name", "preferred_username"):
        name = claims.get(claim)
        if isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH_MAX and name.isprintable():
            return name.strip()
    return ""
