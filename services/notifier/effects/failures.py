"""Why an account could not be activated, and what an operator can do: the Indonesian of provisioning's reason codes."""

from types import MappingProxyType

_AWAY = (
    "Periksa apakah platform cloud berjalan dan dapat dijangkau."
    " Percobaan berikutnya berlangsung dengan sendirinya."
)
_CREDENTIALS = (
    "Perbaiki berkas token platform cloud. Percobaan berikutnya berlangsung dengan sendirinya."
)
_BY_HAND = "Periksa akun dan grup tersebut di platform cloud, lalu selesaikan pertentangannya."
_WAIT = "Tunggu percobaan berikutnya, yang berlangsung dengan sendirinya."
_REPORT = "Sampaikan kode sebab ini kepada pengelola sistem."
_REASONS = MappingProxyType(
    {
        "timed_out": ("platform cloud tidak menjawab pada waktunya", _AWAY),
        "not_reachable": ("platform cloud tidak dapat dijangkau", _AWAY),
        "answer_not_json": ("jawaban platform cloud tidak dapat dibaca", _AWAY),
        "answer_too_large": ("jawaban platform cloud terlalu besar", _AWAY),
        "unexpected_answer": ("jawaban platform cloud tidak dapat dibaca", _AWAY),
        "unexpected_encoding": ("jawaban platform cloud tidak dapat dibaca", _AWAY),
        "redirected": ("platform cloud mengalihkan ke alamat lain", _AWAY),
        "endpoint_missing": ("alamat platform cloud tidak mengenal layanan pengguna", _AWAY),
        "read_back_differs": ("akun yang dibuat belum tampak lengkap di platform cloud", _AWAY),
        "space_unsettled": ("grup perangkat daerah sedang diubah oleh pihak lain", _AWAY),
        "account_unsettled": ("akun sedang diubah oleh pihak lain", _AWAY),
        "unauthorised": ("platform cloud menolak kredensial kami", _CREDENTIALS),
        "token_file_unreadable": ("berkas token platform cloud tidak dapat dibaca", _CREDENTIALS),
        "account_not_ours": ("nama pengguna sudah dipakai akun yang bukan buatan kami", _BY_HAND),
        "account_ambiguous": ("ada lebih dari satu akun untuk permintaan ini", _BY_HAND),
        "account_renamed": ("akun permintaan ini berganti nama pengguna", _BY_HAND),
        "account_inactive": ("akun permintaan ini dinonaktifkan di platform cloud", _BY_HAND),
        "space_not_ours": ("nama grup sudah dipakai grup yang bukan buatan kami", _BY_HAND),
        "space_ambiguous": ("ada lebih dari satu grup untuk perangkat daerah ini", _BY_HAND),
        "uniqueness": ("data akun ini sudah dipakai akun lain", _BY_HAND),
        "administrator_not_here_yet": ("data admin pengelola belum sampai", _WAIT),
        "administrator_forgotten": ("data admin pengelola sudah dihapus", _REPORT),
    }
)
_REFUSED = ("refused_", "invalid_", "no_target", "mutability", "too_many")


def failure_in_words(reason_code: str) -> str:
    """The cause in a few words, with the code for whoever is asked about it."""
    return f"{_known(reason_code)[0]} (kode: {reason_code})"


def remedy_in_words(reason_code: str) -> str:
    """The one clear next step."""
    return _known(reason_code)[1]


def _known(reason_code: str) -> tuple[str, str]:
    if reason_code.startswith("http_"):
        return "platform cloud sedang terganggu", _AWAY
    if reason_code.startswith(_REFUSED):
        return "platform cloud menolak data akun ini", _REPORT
    return _REASONS.get(reason_code, ("aktivasi tidak berhasil", _REPORT))
