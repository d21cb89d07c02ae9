"""JSON over HTTP to a platform that is not trusted: bounded, no redirects, no cookies.

An answer comes back only when the platform itself spoke. Whatever else arrives (a proxy's HTML
page, half a document, a redirect, 10 MB) is PlatformUnavailable, which means that nobody knows
whether the call took effect.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import orjson
import structlog

from services.provisioning.effects.port import (
    PlatformTrouble,
    PlatformUnauthorised,
    PlatformUnavailable,
)

CALL_SECONDS_MAX = 5.0
BODY_BYTES_MAX = 1024 * 1024
CONNECTIONS_MAX = 4
RETRY_AFTER_SECONDS_MAX = 3600.0
_TRANSIENT = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform said: a success or a refusal for a reason of its own (4xx)."""

    status: int
    document: Mapping[str, Any] = field(default_factory=dict)
    etag: str | None = None

    @property
    def succeeded(self) -> bool:
        """2xx; nothing from 300 to 399 ever becomes an Answer."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES


class BoundedHttp:
    """One platform's address and credentials; the token file is read anew for each call."""

    def __init__(
        self,
        base_url: str,
        token_file: Path,
        *,
        media_type: str,
        call_seconds_max: float = CALL_SECONDS_MAX,
    ) -> None:
        self._token_file, self._media_type = token_file, media_type
        self._call_seconds_max = call_seconds_max
        self._client = httpx2.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers={"Accept": f"{media_type}, application/json", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx2.Timeout(call_seconds_max),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            trust_env=False,  # a proxy or .netrc of the environment must not see the token
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """One exchange; raises PlatformUnavailable or PlatformUnauthorised."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        if document is not None:
            headers["Content-Type"] = self._media_type
        if if_match is not None:
            headers["If-Match"] = if_match
        content = None if document is None else orjson.dumps(document)
        request = self._client.build_request(
            method, path, params=query, content=content, headers=headers
        )
        try:
            async with asyncio.timeout(self._call_seconds_max):
                return await self._exchange(request)
        except TimeoutError:
            trouble: PlatformTrouble = PlatformUnavailable("timed_out")
        except httpx2.TimeoutException:
            trouble = PlatformUnavailable("timed_out")
        except httpx2.HTTPError:
            trouble = PlatformUnavailable("not_reachable")
        except PlatformTrouble as said:
            trouble = said
        log.warning("platform_call_failed", method=method, path=path, reason=trouble.reason_code)
        raise trouble

    def _token(self) -> str:
        try:
            return self._token_file.read_text("ascii").strip()
        except (OSError, ValueError):
            # from None: a decoding error would carry the bytes of the secret
            raise PlatformUnauthorised("token_file_unreadable") from None

    async def _exchange(self, request: httpx2.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            status = response.status_code
            if status == HTTPStatus.UNAUTHORIZED:
                raise PlatformUnauthorised("unauthorised")
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
                raise PlatformUnavailable(f"http_{status}", _retry_after_seconds(response))
            if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                raise PlatformUnavailable("redirected")
            return Answer(status, await _document(response), response.headers.get("etag"))
        finally:
            await response.aclose()


async def _document(response: httpx2.Response) -> Mapping[str, Any]:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise PlatformUnavailable("unexpected_encoding")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise PlatformUnavailable("answer_too_large")
    if not body:
        return {}
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type.endswith("json"):
        raise PlatformUnavailable("answer_not_json")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        # from None: the decoding error carries the whole document, and that may name a person
        raise PlatformUnavailable("answer_not_json") from None
    if not isinstance(document, dict):
        raise PlatformUnavailable("answer_not_json")
    return document


def _retry_after_seconds(response: httpx2.Response) -> float | None:
    """Seconds, or a date by the platform's own clock; what cannot be read is as if not said."""
    said = response.headers.get("retry-after", "").strip()
    try:
        if said.isdecimal():
            seconds = float(said)
        else:
            now = parsedate_to_datetime(response.headers.get("date", ""))
            seconds = (parsedate_to_datetime(said) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
