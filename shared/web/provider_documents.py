"""What an OpenID provider publishes: its configuration, its keys, who a token belongs to."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import httpx2
import orjson

from shared.event_sourcing.outcomes import Unavailable

_ANSWER_BYTES_MAX = 256 * 1024
_SECONDS_MAX = 8.0
_TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
_REFUSED = frozenset({400, 401, 403})


class TokenRefused(Exception):  # noqa: N818 - an outcome, not a fault of the program
    """The provider says the token is none of its own, or no longer."""


class ProviderDocuments:
    """Every call has a limit of time and size, follows no redirect, and raises Unavailable."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._client: httpx2.AsyncClient | None = None
        self._configuration: Mapping[str, Any] | None = None

    async def close(self) -> None:
        """Give back the connections; a later call opens new ones."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def keys(self) -> Mapping[str, Any]:
        """The key set (RFC 7517), with the configuration read afresh: it may have moved."""
        self._configuration = None
        return await self._get(await self._address("jwks_uri"))

    async def userinfo(self, token: str) -> Mapping[str, Any]:
        """The claims of an opaque access token. Raises TokenRefused."""
        return await self._get(await self._address("userinfo_endpoint"), token)

    async def _address(self, name: str) -> str:
        if self._configuration is None:
            where = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
            configuration = await self._get(where)
            if configuration.get("issuer") != self._issuer:
                raise Unavailable from ValueError("issuer differs from the setting")
            self._configuration = configuration
        address = self._configuration.get(name)
        scheme = self._issuer.partition("://")[0]
        if not isinstance(address, str) or not address.startswith(f"{scheme}://"):
            raise Unavailable from ValueError(f"{name} is missing or less secure than the issuer")
        return address

    async def _get(self, address: str, token: str | None = None) -> Mapping[str, Any]:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout(_SECONDS_MAX):
                status, body = await self._fetch(address, headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            raise Unavailable from error
        if token is not None and status in _REFUSED:
            raise TokenRefused
        try:
            document = orjson.loads(body) if status == 200 else None  # noqa: PLR2004 - HTTP
        except orjson.JSONDecodeError as error:
            raise Unavailable from error
        if not isinstance(document, dict):
            raise Unavailable from ValueError(f"answered {status}")
        return document

    async def _fetch(self, address: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        body = bytearray()
        async with self._open_client().stream("GET", address, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_BYTES_MAX:
                    raise Unavailable from ValueError("answer too long")
            return response.status_code, bytes(body)

    def _open_client(self) -> httpx2.AsyncClient:
        if self._client is None:
            # The system's certificates cost 3 MB: read where they are needed. A bare context
            # trusts nobody, so that nothing is fetched by TLS unchecked.
            tls = self._issuer.startswith("https://")
            context = (
                ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
            self._client = httpx2.AsyncClient(
                timeout=_TIMEOUT, verify=context, follow_redirects=False, trust_env=False
            )
        return self._client
