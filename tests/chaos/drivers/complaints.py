"""Citizens complain, officers take complaints in for them, under each of the limits."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import get_args

from shared.contracts.subjects import Category
from tests.chaos.drivers.client import Asked, Client, Json
from tests.chaos.drivers.driver import Driver

LATE_SHARE = 0.1
LONG_AGO = "2026-03-17T16:00:00+07:00"
PAUSE_SECONDS_MAX = 2.0
CATEGORIES = get_args(Category)


@dataclass(slots=True)
class Complainants:
    """One after the other, until the run ends."""

    client: Client
    filed: int = 0

    async def run(self) -> None:
        """Every complaint is another one."""
        while not self.client.system.stopping.is_set():
            await self.one(late=self.client.chance.random() < LATE_SHARE)
            await self.client.pause(PAUSE_SECONDS_MAX)

    async def one(self, *, late: bool = False) -> Json | None:
        """A complaint; its receipt, if it was taken in. A late one was made long ago, by telephone."""
        self.filed += 1
        how: dict[str, Json] = {"json": self._form()}
        if late or self.client.chance.random() < 0.5:
            how["headers"] = await self.client.officer("complaint-officer")
            category = self.client.chance.choice(CATEGORIES)
            how["json"] = {**how["json"], "channel": "telephone", "category": category}
        if late:
            how["json"] = {**how["json"], "received_at": LONG_AGO, "category": "minor"}
        content = {"narrative": how["json"]["narrative"]}
        asked = Asked("file_complaint", content, "/api/complaints", how)
        return await self.client.change(asked, ("complaint_id", "registration_number", "due_on"))

    def _form(self) -> Json:
        place = f"{self.client.name}-{self.filed}"
        return {
            "channel": "contact_page",
            "narrative": f"Akun kami tidak dapat dibuka ({place}).",
            "anonymous": False,
            "confidential": False,
            "complainant": {"name": "Ratna Kusumawati", "email": f"{place}@example.com"},
        }


async def begin(clients: Sequence[Client]) -> Sequence[Complainants]:
    return [Complainants(each) for each in clients]


def handful(complainants: Sequence[Complainants], _turn: int) -> Sequence[Awaitable[object]]:
    """One in time, one late."""
    return complainants[0].one(), complainants[1].one(late=True)


DRIVER = Driver(
    "citizen", 2, begin, handful,
    filed={"file_complaint": ("complaints", "complaint_id", "ComplaintFiled")},
)  # fmt: skip
