"""The OpenID provider: oidc-provider-mock with demo officers, each named after the role it has.

Access tokens are opaque, as many providers give them: services ask userinfo (DOMAIN section 7, local only).
"""

import argparse
import logging
import warnings
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from deploy.local.children import NotStarted

OFFICERS = {
    "front-desk": "Dewi Anggraini (petugas loket)",
    "reviewer": "Agus Prasetyo (pengkaji)",
    "complaint-officer": "Lina Marlina (petugas pengaduan)",
    "head": "Hendra Gunawan (kepala bidang)",
    "operator": "Yusuf Ramadhan (operator)",
}
CLIENT = ("datacloud", "local")
SECONDS_MAX = 10.0


def access_token(issuer: str, officer: str) -> str:
    """Sign in as a browser would (code flow). Raises NotStarted when the provider does not answer as one."""
    redirect = "http://127.0.0.1/back"
    query = urlencode(
        {
            "client_id": CLIENT[0],
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": "openid profile email",
        }
    )
    try:
        with httpx2.Client(base_url=issuer, timeout=SECONDS_MAX) as browser:
            back = browser.post(f"/oauth2/authorize?{query}", data={"sub": officer})
            code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
            grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
            answer = browser.post("/oauth2/token", data=grant, auth=CLIENT)
            return str(answer.json()["access_token"])
    except (httpx2.HTTPError, KeyError, ValueError) as error:
        message = f"the identity provider at {issuer} gave no token to {officer}: {error!r}"
        raise NotStarted(message) from error


def main() -> None:
    """`python -m deploy.local.identity --port 9000`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    warnings.simplefilter("ignore")  # the provider's own use of Authlib
    from oidc_provider_mock import User, app  # noqa: PLC0415 - heavy, and needed by the server alone
    from werkzeug.serving import make_server  # noqa: PLC0415 - likewise

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    provider = app(
        user_claims=[
            User(
                sub=role,
                claims={
                    "name": name,
                    "email": f"{role}@diskominfo.kalbarprov.go.id",
                    "roles": [role],
                },
            )
            for role, name in OFFICERS.items()
        ]
    )
    provider.debug = False
    make_server("127.0.0.1", port, provider, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
