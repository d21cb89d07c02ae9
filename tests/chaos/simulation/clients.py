"""PDs, reviewers, front desk and complainants: they ask, are left without an answer, ask again under the same key."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from services.intake.commands import RequestKind
from services.review.commands import Outcome
from shared.contracts.subjects import Category
from shared.event_sourcing.outcomes import KeyReused, Refused, Unavailable
from shared.event_sourcing.unit_of_work import Context, Handled
from tests.chaos.history import Entry, History, Kind
from tests.chaos.simulation.database import Row
from tests.chaos.simulation.desk import Asked, Desk
from tests.chaos.simulation.house import House, Replica, stream_of

ANSWER_SECONDS_MAX = 20.0
AGENCIES = ("setda", "biro-hukum", "biro-kesra", "bappeda")
CATEGORIES: tuple[Category | None, ...] = (None, "minor", "normative", "non_supervisory")
ENDED = ("confirmed", "rejected", "withdrawn", "set_aside")
Ending = Literal["patient", "withdraws", "set aside"]


@dataclass
class Clients:
    """Everybody outside. `busy`: those who still want something."""

    house: House
    history: History
    busy: int = 0
    undecided: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.machine = self.house.machine
        self.chance = self.machine.chance
        self.desk = Desk(self.chance)

    def start(self) -> None:
        """All of them, each when it comes to them."""
        works = [self.agency(code) for code in AGENCIES[: self.chance.randint(3, 4)]]
        works += [self.complainant(number) for number in range(self.chance.randint(2, 3))]
        for work in works:
            self.machine.loop.create_task(self._counted(work))
        for number in range(2):
            self.machine.loop.create_task(self.reviewer(f"reviewer {number}"))

    @property
    def done(self) -> bool:
        """Nobody wants anything any more, and no case waits for a decision it is going to get."""
        return self.busy == 0 and not self._queue()

    def _queue(self) -> list[Row]:
        table = self.house.databases["review"].tables.get("cases", {})
        return [
            row
            for row in table.values()
            if row["state"] == "open" and str(row["request_id"]) not in self.undecided
        ]

    async def _counted(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        self.busy += 1
        try:
            await work
        finally:
            self.busy -= 1

    async def agency(self, code: str) -> None:
        """One or two letters, the second perhaps for a new administrator."""
        await self.machine.pause(self.chance.uniform(0, 6))
        outcome = await self.request(code, "open_account")
        if self.chance.random() < 0.6:
            again: RequestKind = (
                "replace_administrator" if outcome == "confirmed" else "open_account"
            )
            await self.request(code, again)

    async def request(self, agency: str, kind: RequestKind) -> str | None:
        """From the letter to its end, or as long as the PD cares; answers the last status seen."""
        key, officer = f"{agency} {self.chance.getrandbits(40):x}", None
        if self.chance.random() < 0.2:
            officer = self.desk.uuid()
        answer = await self.insist(agency, self.desk.submit(agency, kind, key, officer))
        if answer is None:
            return None
        request_id = UUID(answer["request_id"])
        ending: Ending = self.chance.choices(("patient", "withdraws", "set aside"), (6, 2, 1))[0]
        if self.chance.random() < 0.15:
            self.undecided.add(str(request_id))
        gives_up_at = self.machine.loop.time() + self.chance.uniform(10, 30)
        acts_at = self.machine.loop.time() + self.chance.uniform(0, 15)
        status = None
        while status not in ENDED and self.machine.loop.time() < gives_up_at:
            await self.machine.pause(self.chance.uniform(0.3, 2))
            status = self._row("intake", "requests", request_id).get("status")
            if ending != "patient" and self.machine.loop.time() > acts_at:
                await self._end(agency, request_id, ending)
                ending = "patient"
            elif status == "returned":
                await self.insist(agency, self.desk.complete(request_id, f"{key} completed {gives_up_at}"))  # fmt: skip
                gives_up_at += 10
        return status

    async def _end(self, agency: str, request_id: UUID, how: Ending) -> None:
        key = f"{how} {request_id}"
        if how == "withdraws":
            await self.insist(agency, self.desk.withdraw(request_id, key))
        else:
            await self.insist("front desk", self.desk.set_aside(request_id, key, self.desk.uuid()))

    async def complainant(self, number: int) -> None:
        """One complaint."""
        await self.machine.pause(self.chance.uniform(0, 15))
        key = f"complaint {number} {self.chance.getrandbits(40):x}"
        category = self.chance.choice(CATEGORIES)
        await self.insist(f"complainant {number}", self.desk.complain(key, category))

    async def reviewer(self, name: str) -> None:
        """Takes a case of the queue and decides, perhaps on what was seen a while ago, perhaps beside a colleague."""
        officer = self.desk.uuid()
        while True:
            await self.machine.pause(self.chance.uniform(0.3, 3))
            if not (queue := self._queue()):
                continue
            case = self.chance.choice(queue)
            outcome: Outcome = self.chance.choices(("approved", "returned", "rejected"), (7, 2, 1))[
                0
            ]
            if self.chance.random() < 0.2:
                await self.machine.pause(self.chance.uniform(0, 5))
            key = f"decision {name} {self.machine.steps} {self.chance.getrandbits(32):x}"
            request_id, version = stream_of(case["request_id"]), case["version"]
            asked = self.desk.decide(request_id, outcome, key, officer, version)
            await self._counted(self.insist(name, asked))

    async def insist(self, client: str, asked: Asked) -> Mapping[str, Any] | None:
        """Until it is answered or refused: the same work under the same key. None = refused.

        Now and then a client that has its answer asks once more, as a double click does.
        """
        again = self.chance.random() < 0.15
        while True:
            kind, content = await self._ask(client, asked)
            if kind == "ok" and again:
                again = False
                continue
            if kind == "ok":
                return content
            if kind == "fail":
                return None
            await self.machine.pause(self.chance.uniform(0.1, 3))

    async def _ask(self, client: str, asked: Asked) -> tuple[Kind, Mapping[str, Any]]:
        self._write(client, "invoke", asked, asked.content)
        kind, content = await self._answer(asked)
        if kind == "ok" and self.machine.inject("http answer lost", self.machine.weather.answer_lost):  # fmt: skip
            kind, content = "unknown", {}
        self._write(client, kind, asked, content)
        return kind, content

    async def _answer(self, asked: Asked) -> tuple[Kind, Mapping[str, Any]]:
        """By one of the service's processes, which may be frozen, or die on the way."""
        machine = self.machine
        await machine.pause(self.chance.random() * 0.01)
        replica = self._replica(asked.service)
        if replica is None:
            return "unknown", {}
        cause = self.desk.uuid()
        results: list[tuple[Kind, Mapping[str, Any]]] = []
        task = replica.process.start(self._handle(replica, asked, cause, results))
        await asyncio.wait([task], timeout=ANSWER_SECONDS_MAX)
        return results[0] if results else ("unknown", {})

    async def _handle(
        self, replica: Replica, asked: Asked, cause: UUID, results: list[tuple[Kind, Mapping[str, Any]]]
    ) -> None:  # fmt: skip
        try:
            handled = await replica.unit.handle(asked.work, Context("public", cause, cause))
        except (Refused, KeyReused) as refused:
            results.append(("fail", {"code": str(refused)}))
        except Unavailable:
            results.append(("unknown", {}))
        except Exception as error:  # noqa: BLE001 - a 500, which is a finding
            self.machine.broken.append(f"{asked.operation}: {error!r}")
            results.append(("unknown", {}))
        else:
            results.append(("ok", _told(asked, handled)))

    def _replica(self, service: str) -> Replica | None:
        alive = [
            replica
            for replica in self.house.replicas.values()
            if replica.process.service == service and replica.process.alive
        ]
        return self.chance.choice(alive) if alive else None

    def _row(self, service: str, table: str, row_id: UUID) -> Row:
        return self.house.databases[service].tables.get(table, {}).get((str(row_id),), {})

    def _write(self, client: str, kind: Kind, asked: Asked, content: Mapping[str, Any]) -> None:
        at = round(self.machine.loop.time(), 6)
        self.history.write(Entry(at, client, kind, asked.operation, asked.key, content))


def _told(asked: Asked, handled: Handled[Any, Any]) -> Mapping[str, Any]:
    """What the service's web.py answers, as far as it must stay the same."""
    state = handled.state
    if asked.operation == "submit_request":
        known = state.request
        return {
            "request_id": str(known.request_id),
            "registration_number": known.registration_number,
            "due_on": known.first_due_on.isoformat(),
        }
    if asked.operation == "file_complaint":
        return {
            "complaint_id": str(state.complaint_id),
            "registration_number": state.registration_number,
            "due_on": state.clock.due_on.isoformat(),
        }
    return {"request_id": asked.content["request_id"]}
