"""OpenID providers for tests: one made here, whose keys and answers a test can change, and a real mock."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class HandmadeProvider:
    """Serves what its fields say; counts what was asked for by path."""

    issuer: str
    documents: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def publish_keys(self, *keys: RSAKey) -> None:
        self.documents["/keys"] = (200, {"keys": [key.as_dict(private=False) for key in keys]})

    def token(self, key: RSAKey, header: Mapping[str, Any] | None = None, **claims: object) -> str:
        """Signed by this key, good unless the claims say otherwise; a claim of None is left out."""
        now = int(time.time())
        whole: dict[str, object] = {
            "iss": self.issuer,
            "aud": ["account", "datacloud"],
            "sub": "u-1",
            "exp": now + 300,
            "iat": now,
            "typ": "Bearer",
            "name": "Siti Rahma",
            "roles": ["reviewer", "cook"],
        } | claims
        said = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, said, key)


@contextmanager
def handmade_provider() -> Iterator[HandmadeProvider]:
    """On a free port of the loopback address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked[self.path] = provider.asked.get(self.path, 0) + 1
            status, document = provider.documents.get(self.path, (404, {}))
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    issuer = f"http://127.0.0.1:{server.server_port}"
    provider = HandmadeProvider(issuer)
    provider.documents["/.well-known/openid-configuration"] = (
        200,
        {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "userinfo_endpoint": f"{issuer}/userinfo"},
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class MockProvider:
    """oidc-provider-mock as a child process: opaque access tokens, custom claims in userinfo."""

    issuer: str

    async def token(self, subject: str) -> str:
        """What the code flow gives this person."""
        redirect = "http://127.0.0.1/back"
        query = urlencode(
            {
                "client_id": "datacloud",
                "redirect_uri": redirect,
                "response_type": "code",
                "scope": "openid profile",
            }
        )
        async with httpx2.AsyncClient(base_url=self.issuer) as client:
            back = await client.post(f"/oauth2/authorize?{query}", data={"sub": subject})
            code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
            answer = await client.post(
                "/oauth2/token",
                data={"grant_type": "authorization_code", "code": code, "redirect_uri": redirect},
                headers={
                    "Authorization": "Basic " + base64.b64encode(b"datacloud:secret").decode()
                },
            )
            return str(answer.json()["access_token"])

    async def revoke(self, subject: str) -> None:
        async with httpx2.AsyncClient(base_url=self.issuer) as client:
            (await client.post(f"/users/{subject}/revoke-tokens")).raise_for_status()


@contextmanager
def mock_provider(*users: Mapping[str, Any]) -> Iterator[MockProvider]:
    """Each user has a `sub` and claims."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    claims = [option for user in users for option in ("--user-claims", json.dumps(user))]
    process = subprocess.Popen(  # noqa: S603 - nobody else chooses these words
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        _await_port(port, process)
        yield MockProvider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "the provider did not start"
            assert time.monotonic() < until, "the provider does not answer"
            time.sleep(0.05)
        else:
            return
