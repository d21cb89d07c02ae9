"""What is no proper answer of the platform is told apart, bounded, and never shows a secret."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.provisioning.effects import (
    SCIM_MEDIA_TYPE,
    AccountWanted,
    BoundedHttp,
    PlatformRefused,
    PlatformUnavailable,
    ScimPlatform,
)
from tests.support.wire_cutter import WireCutter, canned, wire_cutter

TOKEN = "s3cret-of-this-test"
NOBODY = "pd0.00000000"
JSON = "Content-Type: application/scim+json"


@pytest.fixture
async def cutter() -> AsyncIterator[WireCutter]:
    """Nothing stands behind it: each call gets the answer planned for it."""
    async with wire_cutter(upstream_port=1) as proxy:
        yield proxy


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture
async def platform(cutter: WireCutter, token_file: Path) -> AsyncIterator[ScimPlatform]:
    url = f"http://127.0.0.1:{cutter.port}/v2/"
    async with BoundedHttp(url, token_file, media_type=SCIM_MEDIA_TYPE) as http:
        yield ScimPlatform(http)


NONSENSE = {
    "html": (canned("200 OK", b"<html>login</html>", "Content-Type: text/html"), "answer_not_json"),
    "html_404": (canned("404 Not Found", b"<html>", "Content-Type: text/html"), "answer_not_json"),
    "no_endpoint": (canned("404 Not Found"), "endpoint_missing"),
    "truncated": (canned("200 OK", b'{"Resources": [{"id": "1', JSON), "answer_not_json"),
    "array": (canned("200 OK", b"[]", JSON), "answer_not_json"),
    "no_list": (canned("200 OK", b'{"Resources": 7}', JSON), "unexpected_answer"),
    "no_user": (canned("200 OK", b'{"Resources": [{"id": 7}]}', JSON), "unexpected_answer"),
    "too_large": (canned("200 OK", b" " * 10_000_000, JSON), "answer_too_large"),
    "gzip": (canned("200 OK", b"\x1f\x8b", JSON, "Content-Encoding: gzip"), "unexpected_encoding"),
    "not_http": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not_reachable"),
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_means_that_the_platform_is_away(
    platform: ScimPlatform, cutter: WireCutter, kind: str
) -> None:
    answer, reason = NONSENSE[kind]
    cutter.answer_with(answer)
    with capture_logs() as logs, pytest.raises(PlatformUnavailable, match=reason):
        await platform.read_back(NOBODY)
    assert TOKEN not in repr(logs)


async def test_a_redirect_is_not_followed(platform: ScimPlatform, cutter: WireCutter) -> None:
    async with wire_cutter(upstream_port=1) as elsewhere:
        location = f"Location: http://127.0.0.1:{elsewhere.port}/v2/Users"
        cutter.answer_with(canned("307 Temporary Redirect", b"", location))
        with pytest.raises(PlatformUnavailable, match="redirected"):
            await platform.read_back(NOBODY)
        assert elsewhere.calls == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (("Retry-After: 12",), 12.0),
        (
            (
                "Date: Mon, 23 Nov 2026 03:00:00 GMT",
                "Retry-After: Mon, 23 Nov 2026 03:01:30 GMT",
            ),
            90.0,
        ),
        (("Retry-After: 99999999",), 3600.0),
        (("Retry-After: soon",), None),
        ((), None),
    ],
)
async def test_the_platforms_wish_for_a_pause_is_passed_on(
    platform: ScimPlatform, cutter: WireCutter, headers: tuple[str, ...], seconds: float | None
) -> None:
    cutter.answer_with(canned("429 Too Many Requests", b"", *headers))
    with pytest.raises(PlatformUnavailable, match="http_429") as trouble:
        await platform.read_back(NOBODY)
    assert trouble.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (canned("400 Bad Request", b'{"scimType": "invalidValue"}', JSON), "invalid_value"),
        (canned("400 Bad Request", b'{"scimType": "<b>"}', JSON), "refused_400"),
        (canned("403 Forbidden", b"{}", JSON), "refused_403"),
        (canned("413 Content Too Large"), "refused_413"),
    ],
)
async def test_a_refusal_with_a_reason_is_final(
    platform: ScimPlatform, cutter: WireCutter, answer: bytes, reason: str
) -> None:
    nobody_yet = canned("200 OK", b'{"Resources": []}', JSON)
    cutter.answer_with(nobody_yet, nobody_yet, answer)
    account = AccountWanted(UUID(int=1), "dinkes", "Siti Aminah", "siti@example.go.id")
    with pytest.raises(PlatformRefused, match=reason):
        await platform.ensure_administrator(account)
    assert cutter.calls[-1] == "POST /v2/Users"


async def test_a_closed_port_means_that_the_platform_is_away(token_file: Path) -> None:
    async with BoundedHttp("http://127.0.0.1:1", token_file, media_type=SCIM_MEDIA_TYPE) as http:
        with pytest.raises(PlatformUnavailable, match="not_reachable"):
            await ScimPlatform(http).ensure_space("pd0")


async def test_cookies_of_the_platform_are_not_kept(
    platform: ScimPlatform, cutter: WireCutter
) -> None:
    nobody = canned("200 OK", b'{"Resources": []}', JSON, "Set-Cookie: session=1; Path=/")
    cutter.answer_with(nobody, nobody)
    assert await platform.read_back(NOBODY) is None
    assert await platform.read_back(NOBODY) is None
    assert b"cookie" not in cutter.last_request.lower()
    assert b"accept-encoding: identity" in cutter.last_request.lower()
