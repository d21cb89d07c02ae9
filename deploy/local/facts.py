"""Each fact live, as any stranger who reads the topics sees it."""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.messaging.trace import FACT_TOPICS, Line, line
from shared.working_time.days import local_time

MEANINGS = {
    "datacloud.request_submitted.v1": "surat permintaan terdaftar",
    "datacloud.request_resubmitted.v1": "berkas dilengkapi dan didaftarkan kembali",
    "datacloud.request_withdrawn.v1": "permintaan ditarik oleh perangkat daerah",
    "datacloud.request_set_aside.v1": "permintaan dikesampingkan oleh petugas",
    "datacloud.request_closed.v1": "permintaan selesai",
    "datacloud.deadline_set.v1": "batas waktu berjalan",
    "datacloud.deadline_moved.v1": "batas waktu bergeser karena keputusan hari libur",
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


def in_words(fact: Line) -> str:
    """Time, topic, type, sequence, and one line of meaning."""
    subject = fact.value.get("subject")
    about = subject if isinstance(subject, dict) else fact.value
    details = ", ".join(f"{name}={fact.value[name]}" for name in _DETAILS if name in fact.value)
    meaning = MEANINGS.get(fact.type, "fakta lain")
    number = about.get("registration_number", "")
    time = local_time(fact.time).strftime("%H:%M:%S.%f")[:-3]
    return f"{time}  {fact.topic:<29} {fact.type:<39} #{fact.sequence}  {number} {meaning}" + (
        f" ({details})" if details else ""
    )


class Reader:
    """A plain consumer without a group, from where the topics end when it starts."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """From here on nothing is missed."""
        consumer = self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False
        )
        await consumer.start()
        places = [
            TopicPartition(topic, partition)
            for topic in FACT_TOPICS
            for partition in await _partitions(consumer, topic)
        ]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

    async def run(self, seen: Callable[[Line], Awaitable[None]]) -> None:
        """Until cancelled; a broker that is restarted is waited for."""
        consumer = self._consumer
        if consumer is None:
            return
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        await seen(line(record))
        finally:
            await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    while True:
        found: set[int] | None = consumer.partitions_for_topic(topic)
        if found:
            return found
        await consumer._client.force_metadata_update()  # noqa: SLF001 - aiokafka offers no other way without a subscription
        await asyncio.sleep(0.05)
