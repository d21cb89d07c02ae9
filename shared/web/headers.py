"""Headers a caller steers a request with: Idempotency-Key and Tracking-Code."""

import re
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.web.problems import field_problem

IDEMPOTENCY_KEY = "Idempotency-Key"
TRACKING_CODE = "Tracking-Code"
_KEY = re.compile(r"[\x20-\x7e]{1,200}", re.ASCII)
_CODE_LENGTH_MAX = 100


def optional_idempotency_key(request: Request) -> str | None:
    """The key, if one was sent. Raises a Problem when it is sent twice or is no printable ASCII."""
    sent = request.headers.getlist(IDEMPOTENCY_KEY)
    if not sent:
        return None
    key = sent[0].strip()
    if len(sent) > 1 or not _KEY.fullmatch(key):
        raise field_problem(IDEMPOTENCY_KEY, "Kirim satu kunci, 1 sampai 200 karakter ASCII.")
    return key


def required_idempotency_key(request: Request) -> str:
    """The key. Raises a Problem when there is none."""
    key = optional_idempotency_key(request)
    if key is None:
        raise field_problem(IDEMPOTENCY_KEY, "Wajib diisi: kunci acak yang sama pada kirim ulang.")
    return key


def tracking_code(request: Request) -> str | None:
    """The code as sent; a code too long to be one is none, so that it opens nothing."""
    code = request.headers.get(TRACKING_CODE, "").strip()
    return code if 0 < len(code) <= _CODE_LENGTH_MAX else None


RequiredIdempotencyKey = Annotated[str, Depends(required_idempotency_key)]
OptionalIdempotencyKey = Annotated[str | None, Depends(optional_idempotency_key)]
SentTrackingCode = Annotated[str | None, Depends(tracking_code)]
