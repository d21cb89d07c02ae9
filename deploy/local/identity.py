"""stub"""

import base64, json, sys
from urllib.parse import parse_qs, urlencode, urlsplit
import httpx2


def access_token(issuer: str, officer: str) -> str:
    redirect = "http://127.0.0.1/cb"
    query = urlencode(
        {
            "client_id": "datacloud",
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": "openid profile",
        }
    )
    with httpx2.Client(base_url=issuer) as client:
        back = client.post(f"/oauth2/authorize?{query}", data={"sub": officer})
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        answer = client.post(
            "/oauth2/token",
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": redirect},
            headers={"Authorization": "Basic " + base64.b64encode(b"datacloud:secret").decode()},
        )
        return str(answer.json()["access_token"])


if __name__ == "__main__":
    import os

    port = sys.argv[sys.argv.index("--port") + 1]
    claims = []
    for o in ("front-desk", "reviewer", "complaint-officer", "head", "operator"):
        claims += ["--user-claims", json.dumps({"sub": o, "name": o, "roles": [o]})]
    os.execv(sys.executable, [sys.executable, "-m", "oidc_provider_mock", "--port", port, *claims])
