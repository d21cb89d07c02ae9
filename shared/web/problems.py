"""Every refusal is told as RFC 9457 problem details, in Indonesian, with a stable English code.

`errors` names the fields at fault. What a person sent is never repeated back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field by its path as the sender knows it (`administrator.nip`), and what to do about it."""

    field: str
    message: str


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere at the web edge, it is the answer. `members` are added to the document."""

    status: int
    code: str
    title: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.code)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a service tells a `Refused` code to people; `detail` may hold its `{details}`."""

    status: int
    title: str
    detail: str
    field: str | None = None


INVALID_INPUT = ("Isian belum benar", "Perbaiki isian yang disebutkan, lalu kirim ulang.")
NOT_FOUND = Refusal(
    404, "Tidak ditemukan", "Yang diminta tidak ada, atau kode pelacakannya tidak cocok."
)

SHARED_REFUSALS: Mapping[str, Refusal] = {
    "not_found": NOT_FOUND,
    "wrong_state": Refusal(
        409, "Tidak dapat dilakukan sekarang", "Keadaannya sudah berubah; muat ulang lalu periksa."
    ),
    "stale_version": Refusal(
        409,
        "Sudah berubah",
        "Perkara ini berubah sejak Anda membukanya; muat ulang, periksa, lalu putuskan kembali.",
    ),
    "name_reserved": Refusal(409, "Sudah ada", "Hal yang sama sudah tercatat dan masih berjalan."),
    "not_allowed": Refusal(403, "Tidak berwenang", "Anda tidak berwenang melakukan tindakan ini."),
    "reason_missing": Refusal(422, INVALID_INPUT[0], "Alasan wajib diisi.", field="reason"),
    "received_in_future": Refusal(
        422, INVALID_INPUT[0], "Waktu diterima tidak boleh di masa depan.", field="received_at"
    ),
    "outside_calendar": Refusal(
        422, INVALID_INPUT[0], "Kalender kerja tidak memuat tanggal ini.", field="received_at"
    ),
}

_STATUSES: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "Tidak dapat dibaca", "Isi yang dikirim rusak atau tidak lengkap."),
    401: ("not_signed_in", "Belum masuk", "Masuk lebih dahulu sebagai petugas."),
    403: ("not_allowed", "Tidak berwenang", "Peran Anda tidak mengizinkan tindakan ini."),
    404: ("not_found", NOT_FOUND.title, NOT_FOUND.detail),
    405: (
        "method_not_allowed",
        "Cara akses tidak didukung",
        "Alamat ini dipakai dengan cara lain.",
    ),
    408: ("too_slow", "Waktu habis", "Kiriman tidak selesai pada waktunya; kirim ulang."),
    409: ("conflict", "Bertentangan", "Keadaannya sudah berubah; muat ulang lalu periksa."),
    413: ("too_large", "Terlalu besar", "Isi yang dikirim melebihi batas ukuran."),
    415: ("unsupported_media_type", "Jenis isi tidak didukung", "Kirim dengan jenis isi lain."),
    422: ("invalid_input", *INVALID_INPUT),
    429: ("too_many_requests", "Terlalu sering", "Tunggu sebentar, lalu coba lagi."),
    431: (
        "head_too_large",
        "Kepala permintaan terlalu besar",
        "Perkecil kepala (header) permintaan, lalu kirim ulang.",
    ),
    500: (
        "internal_error",
        "Terjadi kesalahan",
        "Kesalahan ini telah dicatat. Bila berulang, sampaikan nomor korelasinya ke Diskominfo.",
    ),
    503: ("unavailable", "Layanan sedang tidak tersedia", "Coba lagi beberapa saat lagi."),
}
_OTHER_MISTAKE = ("request_refused", "Permintaan ditolak", "Permintaan ini tidak dapat dilayani.")
_RESERVED_MEMBERS = frozenset(
    {"type", "title", "status", "detail", "instance", "code", "errors", "correlation_id"}
)


def problem(
    status: int,
    *errors: FieldError,
    code: str | None = None,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Problem:
    """The problem of an HTTP status with its usual texts."""
    fallback = _OTHER_MISTAKE if status < 500 else _STATUSES[500]  # noqa: PLR2004 - HTTP
    usual_code, title, usual_detail = _STATUSES.get(status, fallback)
    return Problem(status, code or usual_code, title, detail or usual_detail, errors, headers or {})


def field_problem(name: str, message: str, status: int = 422) -> Problem:
    """One field is at fault."""
    return problem(status, FieldError(name, message))


def not_found() -> Problem:
    """For an unknown id and a wrong tracking code alike: nobody learns which of the two it was."""
    return problem(404)


def unavailable(retry_after_seconds: int = RETRY_AFTER_SECONDS) -> Problem:
    """The world is away; the same call may succeed later."""
    return problem(503, headers={"Retry-After": str(retry_after_seconds)})


def refusal_problem(code: str, refusal: Refusal, details: Mapping[str, str]) -> Problem:
    """What became of a command that was refused; its details stand in the document too."""
    detail = refusal.detail.format_map(_Details(details))
    errors = (FieldError(refusal.field, detail),) if refusal.field else ()
    return Problem(refusal.status, code, refusal.title, detail, errors, members=details)


def problem_response(found: Problem, correlation_id: str | None = None) -> Response:
    """The document. Its type is a URN: the code is the key, there is no page to fetch."""
    document: dict[str, object] = {
        "type": f"urn:datacloud:problem:{found.code}",
        "title": found.title,
        "status": found.status,
        "detail": found.detail,
        "code": found.code,
        "errors": [{"field": each.field, "message": each.message} for each in found.errors],
    }
    document |= {
        name: value for name, value in found.members.items() if name not in _RESERVED_MEMBERS
    }
    if correlation_id:
        document["correlation_id"] = correlation_id
    return Response(
        orjson.dumps(document),
        status_code=found.status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": "id", **found.headers},
    )


class _Details(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "-"
