"""Operators after the storm: what our code failed on is copied back from its dead letters, or released twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord

from shared.contracts.topics import dead_letters_of
from shared.messaging.unblocking import release
from tests.chaos.simulation.database import Row
from tests.chaos.simulation.house import House, Replica
from tests.chaos.world import Place


@dataclass
class Operators:
    """`mend` is asked again until nothing is parked that can be mended."""

    house: House
    poison: set[Place]
    copied: set[tuple[str, Place]] = field(default_factory=set)

    def mend(self) -> bool:
        """Whether something was begun."""
        parked = [
            row
            for database in self.house.databases.values()
            for row in database.tables.get("blocked", {}).values()
            if row["reason"] == "error"
        ]
        for row in parked:
            if self.house.machine.chance.random() < 0.5:
                self._release(row)
            else:
                self._copy_back(row)
        return bool(parked)

    def _release(self, row: Row) -> None:
        for replica in self._replicas(row["subscription"]):
            subscription = replica.subscriptions[row["subscription"]]

            async def work(subscription=subscription, row_id=row["id"]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - bound here
                await release(subscription, row_id)

            replica.process.start(work())

    def _replicas(self, subscription: str) -> Sequence[Replica]:
        return [
            replica
            for replica in self.house.replicas.values()
            if replica.process.alive and subscription in replica.subscriptions
        ]

    def _copy_back(self, row: Row) -> None:
        """By any Kafka tool, headers and all, and perhaps twice: the second copy changes nothing."""
        place = (row["topic"], row["partition"], row["offset"])
        for letter in self._dead_letters(row["subscription"], place):
            for _ in range(self.house.machine.chance.choice((1, 1, 2))):
                offset = self.house.log.append(place[:2], letter.key, letter.value, letter.headers)
                if place in self.poison:
                    self.poison.add((*place[:2], offset))

    def _dead_letters(self, subscription: str, place: Place) -> Sequence[ConsumerRecord]:
        topic, partition, offset = place
        records = self.house.log.partitions[dead_letters_of(topic, subscription), partition]
        told = ("kafka_dlt-original-offset", offset.to_bytes(8, "big"))
        return [record for record in records if told in record.headers][:1]
