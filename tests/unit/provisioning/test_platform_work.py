"""Which verb the platform hears follows from the account's state as it is now (P8)."""

from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import pytest

from services.provisioning.effects.activation import Activation
from services.provisioning.effects.port import AccountReadBack, AccountWanted
from shared.event_sourcing.database import Pool
from shared.event_sourcing.decider import Given
from shared.event_sourcing.outcomes import TryLater
from shared.event_sourcing.scheduling import Due
from shared.people.persons import Person
from tests.support import requests as r
from tests.unit.provisioning.test_agency_accounts import (
    ACTIVE,
    DROPPED,
    SUSPENDING,
    WANTED,
    Accounts,
    active,
)

DUE = Due(
    "BAPPEDA", "platform", "platform", r.MONDAY, {"request_id": str(r.REQUEST_ID)}, 0,
    UUID(int=1), {}, r.MONDAY,
)  # fmt: skip


@dataclass
class Listening:
    """A platform on which everything works, and what it heard."""

    name: str = "scim"
    heard: list[str] = field(default_factory=list)

    async def ensure_space(self, agency_code: str) -> str:
        self.heard.append("ensure_space")
        return f"pd-{agency_code}"

    async def ensure_administrator(self, account: AccountWanted) -> AccountReadBack:
        self.heard.append("ensure_administrator")
        return AccountReadBack("new", f"pd-{account.agency_code}", active=True, in_group=True)

    async def suspend(self, user_id: str) -> AccountReadBack | None:
        self.heard.append("suspend")
        return AccountReadBack(user_id, "pd-BAPPEDA", active=False, in_group=True)

    async def read_back(self, user_id: str) -> AccountReadBack | None:
        raise AssertionError(user_id)


class OnePerson:
    """A database that knows the administrator."""

    async def fetchval(self, _query: str, person_id: UUID) -> bytes:
        person = Person(person_id=person_id, kind="administrator", name="B", email="b@example.id")
        return person.model_dump_json().encode()


async def done(past: Accounts) -> list[str]:
    platform = Listening()
    work = Activation(platform, cast("Pool", OnePerson()))
    command = (await work.perform(DUE, past.state)).command(Given(r.MONDAY))
    return [*platform.heard, type(command).__name__]


async def test_a_wanted_account_is_made() -> None:
    assert await done(WANTED) == ["ensure_space", "ensure_administrator", "RecordActivation"]


@pytest.mark.parametrize("past", [DROPPED, SUSPENDING], ids=["dropped", "suspending"])
async def test_the_account_of_a_dropped_request_is_suspended(past: Accounts) -> None:
    assert await done(past) == ["suspend", "RecordSuspension"]


async def test_a_worker_that_wakes_late_does_not_touch_a_good_account() -> None:
    platform = Listening()
    with pytest.raises(TryLater, match="settled"):
        await Activation(platform, cast("Pool", OnePerson())).perform(DUE, ACTIVE.state)
    assert platform.heard == []


async def test_an_account_dropped_during_its_making_is_suspended_by_the_work_that_follows() -> None:
    assert await done(DROPPED.after(active())) == ["suspend", "RecordSuspension"]
