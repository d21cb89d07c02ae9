"""Codes that open a case, marks that recognise a repeated request: HMACs, so that none is stored.

The secret file holds numbered keys, `<number>:<hex>` a line. New codes use the newest key, every
listed key still opens its codes: rotation adds a line, and takes one away when its codes may end.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from shared.operations.settings import SettingsRefused, variable

CODE_BYTES = 16  # 128 bits (OWASP ASVS 11.5.1)
_KEY_BYTES_MIN = 16
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_SYMBOLS = 26  # 130 bits of five hold 128
_GROUPS = (5, 5, 5, 5, 6)
_LOOKALIKES = str.maketrans("ILOilo", "110110")
_CODE = re.compile(
    r"\s*k(?P<number>[0-9]{1,9})\s*-(?P<symbols>[0-9A-Za-z\s-]{26,60})", re.ASCII | re.IGNORECASE
)
_LINE = re.compile(r"(?P<number>[1-9][0-9]{0,8}):(?P<key>(?:[0-9a-fA-F]{2})+)", re.ASCII)

CaseKind = Literal["request", "complaint", "letter"]
"""What a code is for: to follow a case, or to see that a letter is real."""


@dataclass(frozen=True, slots=True)
class TrackingKeys:
    """Makes and checks; the keys are not shown."""

    keys: Mapping[int, bytes] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises SettingsRefused, naming the line. Blank lines and # comments are passed over."""
        keys: dict[int, bytes] = {}
        for place, line in enumerate(path.read_text("ascii", "replace").splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if not found or len(found["key"]) < 2 * _KEY_BYTES_MIN or int(found["number"]) in keys:
                reason = f"line {place} is not `<number>:<32 or more hex digits>`, or repeats one"
                raise SettingsRefused([(variable("secret_file"), reason)])
            keys[int(found["number"])] = bytes.fromhex(found["key"])
        if not keys:
            raise SettingsRefused([(variable("secret_file"), "lists no key")])
        return cls(keys)

    def code(self, kind: CaseKind, case_id: UUID) -> str:
        """The code of a case, `k2-XXXXX-XXXXX-XXXXX-XXXXX-XXXXXX`; each time the same."""
        number = max(self.keys)
        symbols = _symbols(self._digest(number, f"tracking/{kind}", case_id.bytes)[:CODE_BYTES])
        groups, begin = [], 0
        for size in _GROUPS:
            groups.append(symbols[begin : begin + size])
            begin += size
        return f"k{number}-" + "-".join(groups)

    def opens(self, code: str | None, kind: CaseKind, case_id: UUID) -> bool:
        """Whether this code is the case's. Case, spaces, hyphens and look-alikes do not matter.

        Takes the same time whether the number is listed or not, and wherever the code differs.
        """
        found = _CODE.fullmatch(code or "")
        number = int(found["number"]) if found else 0
        listed = number in self.keys
        key_number = number if listed else max(self.keys)
        digest = self._digest(key_number, f"tracking/{kind}", case_id.bytes)[:CODE_BYTES]
        sent = _plain(found["symbols"]) if found else ""
        return hmac.compare_digest(_symbols(digest).encode(), sent.encode()) and listed

    def body_mark(self, kind: str, body: bytes) -> str:
        """What an idempotent request said, without saying it: equal bodies, equal marks."""
        return self._mark(f"body/{kind}", body)

    def key_mark(self, kind: str, key: str) -> str:
        """Stands for a client's Idempotency-Key; the same key for another kind is another mark."""
        return self._mark(f"key/{kind}", key.encode())

    def case_id(self, kind: str, key: str) -> UUID:
        """The id of the case that this Idempotency-Key opens: asked again, the same case.

        A client cannot choose it, for the key is mixed with the secret (RFC 9562, version 8).
        """
        digest = self._digest(min(self.keys), f"case/{kind}", key.encode())
        return _uuid8(digest[:16])

    def _mark(self, purpose: str, content: bytes) -> str:
        """`<key number>-<hex>` by the oldest listed key: adding a key changes no mark."""
        number = min(self.keys)
        return f"{number}-{self._digest(number, purpose, content).hex()}"

    def _digest(self, number: int, purpose: str, content: bytes) -> bytes:
        # The length in front keeps purposes apart: no (purpose, content) reads like another.
        domain = purpose.encode()
        message = len(domain).to_bytes(2, "big") + domain + content
        return hmac.digest(self.keys[number], message, "sha256")


def _symbols(digest: bytes) -> str:
    number = int.from_bytes(digest, "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_SYMBOLS)))


def _plain(symbols: str) -> str:
    return re.sub(r"[\s-]", "", symbols).translate(_LOOKALIKES).upper()


def _uuid8(content: bytes) -> UUID:
    number = int.from_bytes(content, "big")
    number = number & ~(0xF << 76) | 8 << 76
    return UUID(int=number & ~(0x3 << 62) | 2 << 62)
