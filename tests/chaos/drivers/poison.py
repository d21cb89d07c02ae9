"""Bad records on the topics of facts, between good ones: each blocks nobody but the stream it claims to belong to."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared.messaging.trace import FACT_TOPICS, everything
from tests.chaos.harness import ChaosSystem

PLANTED = "planted"
"""A header that nobody reads but us, so that even what was written without an answer is known as poison."""
DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
NOBODY = b"0192f3a0-0000-7000-8000-00000000dead"


def is_planted(headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether this program wrote the record to do harm."""
    return any(name == PLANTED for name, _ in headers)


@dataclass(frozen=True, slots=True)
class Bad:
    """A record about to be written."""

    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]

    def headed(self, **changed: bytes | None) -> "Bad":
        return replace(self, headers={**self.headers, **changed})

    def without(self, name: str) -> "Bad":
        return replace(self, headers={n: v for n, v in self.headers.items() if n != name})

    def saying(self, value: bytes | None) -> "Bad":
        return replace(self, value=value)


def _fact(bad: Bad) -> bytes:
    return bad.value or b"{}"


CORPUS: Mapping[str, Callable[[Bad], Bad]] = {
    "empty value": lambda bad: bad.saying(b""),
    "tombstone": lambda bad: bad.saying(None),
    "broken JSON": lambda bad: bad.saying(_fact(bad)[:-1]),
    "nested 5,000 deep": lambda bad: bad.saying(DEEP),
    "null header": lambda bad: bad.headed(ce_id=None),
    "header not UTF-8": lambda bad: bad.headed(ce_type=b"\xff\xfe"),
    "subject not UTF-8": lambda bad: bad.headed(ce_subject=b"\xff"),
    "no subject": lambda bad: bad.without("ce_subject"),
    "no number": lambda bad: bad.without("ce_sequence"),
    "number of 4,000 digits": lambda bad: bad.headed(ce_sequence=b"9" * 4_000),
    "unknown type": lambda bad: bad.headed(ce_type=b"datacloud.planted_unknown.v1"),
    "version of the future": lambda bad: bad.headed(ce_type=b"datacloud.request_submitted.v99"),
    "NUL in a text": lambda bad: bad.saying(_fact(bad).replace(b'":"', b'":"\\u0000', 1)),
    "integer of 4,000 digits": lambda bad: bad.saying(b'{"n":' + b"9" * 4_000 + b"}"),
    "duplicate keys": lambda bad: bad.saying(b'{"a":1,' + _fact(bad)[1:-1] + b',"a":2}'),
    "not an object": lambda bad: bad.saying(b"[]"),
    "key of somebody else": lambda bad: replace(bad, key=NOBODY),
    "number from nowhere": lambda bad: bad.headed(ce_sequence=b"7"),
    "larger than we take": lambda bad: bad.saying(b'{"x":"' + b"x" * 1_100_000 + b'"}'),
}
AHEAD = ("empty value", "tombstone", "broken JSON", "null header", "not an object")
"""Written under the next number of a real stream, these are replaced by the real fact when it comes."""


@dataclass(slots=True)
class Poisoner:
    """Damages copies of real records."""

    system: ChaosSystem
    chance: random.Random

    async def write(self) -> int:
        """The whole corpus, for streams that nobody has, then one bad record ahead of a real stream; how many."""
        bootstrap = self.system.stack.kafka.bootstrap
        real = [
            each
            async for each in everything(bootstrap, FACT_TOPICS)
            if not is_planted(each.headers)
        ]
        if not real:
            return 0
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", max_request_size=2 * 1024 * 1024
        )
        await producer.start()
        try:
            for damage in CORPUS.values():
                model = self.chance.choice(real)
                await self._send(producer, model, damage(self._of_nobody(model)))
            model = self._last_of_a_stream(real)
            damage = CORPUS[self.chance.choice(AHEAD)]
            await self._send(producer, model, damage(self._ahead(model)))
        finally:
            await producer.stop()
        return len(CORPUS) + 1

    def _of_nobody(self, model: ConsumerRecord) -> Bad:
        """The first fact of a stream that does not exist."""
        stream = str(self._id()).encode()
        headers = dict(model.headers)
        changed = {"ce_id": str(self._id()).encode(), "ce_subject": stream, "ce_sequence": b"1"}
        return Bad(stream, model.value, {**headers, **changed})

    def _ahead(self, model: ConsumerRecord) -> Bad:
        """The next fact of a stream that does exist."""
        headers = dict(model.headers)
        number = str(int(headers["ce_sequence"]) + 1).encode()
        changed = {"ce_id": str(self._id()).encode(), "ce_sequence": number}
        return Bad(model.key, model.value, {**headers, **changed})

    def _last_of_a_stream(self, real: list[ConsumerRecord]) -> ConsumerRecord:
        last: dict[tuple[str, bytes], ConsumerRecord] = {}
        for each in real:
            place = each.topic, each.key
            number = int(dict(each.headers)["ce_sequence"])
            if place not in last or number >= int(dict(last[place].headers)["ce_sequence"]):
                last[place] = each
        return last[self.chance.choice(sorted(last))]

    async def _send(self, producer: AIOKafkaProducer, model: ConsumerRecord, bad: Bad) -> None:
        await producer.send_and_wait(
            model.topic, bad.value, bad.key,
            partition=model.partition, headers=[*bad.headers.items(), (PLANTED, b"1")],
        )  # fmt: skip

    def _id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)
