"""A fact as one line that people read: in full for who watches the topics, short for who asks about one number."""

from shared.messaging.trace import Line

MEANINGS = {
    "datacloud.request_submitted.v1": "surat permintaan terdaftar",
    "datacloud.request_resubmitted.v1": "berkas dilengkapi dan didaftarkan kembali",
    "datacloud.request_withdrawn.v1": "permintaan ditarik oleh perangkat daerah",
    "datacloud.request_set_aside.v1": "permintaan dikesampingkan oleh petugas",
    "datacloud.request_closed.v1": "permintaan selesai",
    "datacloud.deadline_set.v1": "batas waktu berjalan",
    "datacloud.deadline_moved.v1": "batas waktu bergeser karena keputusan hari libur",
    "datacloud.deadline_approaching.v1": "batas waktu sudah dekat",
    "datacloud.deadline_breached.v1": "batas waktu terlampaui",
    "datacloud.deadline_breach_revoked.v1": "pelampauan batas waktu dibatalkan",
    "datacloud.request_reviewed.v1": "permintaan dikaji",
    "datacloud.account_activated.v1": "akun aktif dan telah dibaca kembali dari platform",
    "datacloud.account_activation_failed.v1": "akun belum dapat diaktifkan",
    "datacloud.administrator_replaced.v1": "admin pengelola diganti",
    "datacloud.account_suspended.v1": "akun dinonaktifkan",
    "datacloud.complaint_filed.v1": "pengaduan terdaftar",
    "datacloud.confirmation_sent.v1": "surat konfirmasi terkirim",
    "datacloud.notification_undeliverable.v1": "surel tidak dapat disampaikan",
}
_DETAILS = ("outcome", "due_on", "user_id", "letter_number", "reason_code", "on_time")
_OURS = "datacloud."


def in_words(fact: Line) -> str:
    """Time of day, topic, type, sequence, registration number, meaning; in columns."""
    subject = fact.value.get("subject")
    about = subject if isinstance(subject, dict) else fact.value
    number = about.get("registration_number", "")
    time = fact.time.strftime("%H:%M:%S.%f")[:-3]
    place = f"{fact.topic:<29} {fact.type:<39} #{fact.sequence}"
    return f"{time}  {place}  {number} {_meaning(fact)}"


def in_short(fact: Line) -> str:
    """Date and time (WIB), topic, sequence, type, meaning, without what all facts have in common."""
    time = fact.time.strftime("%Y-%m-%d %H:%M:%S")
    topic, kind = fact.topic.removeprefix(_OURS), fact.type.removeprefix(_OURS)
    return f"{time} {topic} #{fact.sequence} {kind} {_meaning(fact)}"


def _meaning(fact: Line) -> str:
    details = ", ".join(
        f"{name}={fact.value[name]}" for name in _DETAILS if fact.value.get(name) is not None
    )
    return MEANINGS.get(fact.type, "fakta lain") + (f" ({details})" if details else "")
