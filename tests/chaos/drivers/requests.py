"""Agencies write letters, officers decide on them: every way a request can go, chosen by a seed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.drivers.client import Asked, Client, Json
from tests.chaos.drivers.driver import Driver
from tests.support.system import parts, request_form

ENDED = ("confirmed", "rejected", "withdrawn", "set_aside")
LATE_SHARE = 0.1
LONG_AGO = "2026-03-17T16:00:00+07:00"
PATIENCE_LOOKS = 40
PAUSE_SECONDS_MAX = 1.0

Way = Callable[["Agencies", Json], Awaitable[None]]


@dataclass(slots=True)
class Agencies:
    """Some agencies that only this client writes for; `receipts` are those of their last letters."""

    client: Client
    agencies: Sequence[Json]
    receipts: dict[str, Json] = field(default_factory=dict)
    written: int = 0

    async def run(self) -> None:
        """One letter after the other, until the run ends; an agency whose request is open is passed over."""
        while not self.client.system.stopping.is_set():
            late = self.client.chance.random() < LATE_SHARE
            await self.one(self.client.chance.choice(self.agencies), late=late)
            await self.client.pause(PAUSE_SECONDS_MAX)

    async def one(self, agency: Json, way: Way | None = None, *, late: bool = False) -> Json | None:
        """A letter and what becomes of it; answers its receipt, if it was taken in.

        A late one came on paper long ago: its deadline has passed when it is registered.
        """
        kind = "open_account"
        if last := self.receipts.get(agency["code"]):
            status = await self.status(last)
            if status not in ENDED:
                return None
            if status == "confirmed" or last["kind"] != kind:
                kind = "replace_administrator"
        receipt = await self.submit(agency, kind, late=late)
        if receipt is None:
            return None
        self.receipts[agency["code"]] = receipt
        await (way or self._way())(self, receipt)
        return receipt

    def _way(self) -> Way:
        ways: Mapping[Way, int] = {
            approved: 10,
            completed: 3,
            rejected: 2,
            withdrawn: 2,
            withdrawn_after_approval: 2,
            set_aside: 2,
        }
        [way] = self.client.chance.choices([*ways], [*ways.values()])
        return way

    async def submit(self, agency: Json, kind: str, *, late: bool = False) -> Json | None:
        """The letter of an agency; its receipt, or None if it was refused or nobody answered."""
        form, headers = self._form(agency, kind), dict[str, str]()
        if late:
            form["received_at"] = LONG_AGO
            headers = await self.client.officer("front-desk")
        content = {"agency": agency["code"], "kind": kind, "letter_number": form["letter_number"]}
        how = {"headers": headers, "files": parts(form)}
        asked = Asked("submit_request", content, "/api/requests", how)
        told = await self.client.change(asked, ("request_id", "registration_number", "due_on"))
        return told and {**told, "agency": agency, "kind": kind}

    async def act(self, operation: str, receipt: Json, path: str, how: Json) -> bool:
        """Something that is done to a request; whether it was."""
        request_id = receipt["request_id"]
        content = {"request_id": request_id, "outcome": how.get("json", {}).get("outcome", "")}
        asked = Asked(operation, content, path.format(request_id), how)
        return await self.client.change(asked, ()) is not None

    async def decide(self, receipt: Json, outcome: str, reason: str | None = None) -> bool:
        """The reviewer's decision on the case as it stands in the queue; False if it does not get there."""
        reviewer = await self.client.officer("reviewer")
        for _ in range(PATIENCE_LOOKS):
            queue = await self.client.look("/api/reviews", reviewer) or ()
            for case in queue:
                if case["request_id"] == receipt["request_id"]:
                    said = {"outcome": outcome, "reason": reason, "seen_version": case["version"]}
                    how = {"headers": reviewer, "json": said}
                    return await self.act("decide_case", receipt, "/api/reviews/{}/decision", how)
            if self.client.system.stopping.is_set():
                return False
            await self.client.pause(PAUSE_SECONDS_MAX)
        return False

    async def status(self, receipt: Json) -> str | None:
        """What the agency sees with its code."""
        code = {"Tracking-Code": receipt["tracking_code"]}
        shown = await self.client.look(f"/api/requests/{receipt['request_id']}", code)
        return shown and str(shown["status"])

    async def until(self, receipt: Json, *wanted: str) -> bool:
        """Whether the request got there while anybody had the patience."""
        for _ in range(PATIENCE_LOOKS):
            if await self.status(receipt) in wanted:
                return True
            if self.client.system.stopping.is_set():
                return False
            await self.client.pause(PAUSE_SECONDS_MAX)
        return False

    def completion(self, receipt: Json) -> dict[str, Any]:
        """The same letter, with what was missing."""
        return parts(self._form(receipt["agency"], receipt["kind"]))

    def _form(self, agency: Json, kind: str) -> dict[str, Any]:
        self.written += 1
        form = request_form(agency)
        return form | {"kind": kind, "letter_number": f"{self.written}/{self.client.name}/2026"}


async def approved(agencies: Agencies, receipt: Json) -> None:
    await agencies.decide(receipt, "approved")


async def confirmed(agencies: Agencies, receipt: Json) -> None:
    """Approved, and followed to its end."""
    if await agencies.decide(receipt, "approved"):
        await agencies.until(receipt, "confirmed")


async def rejected(agencies: Agencies, receipt: Json) -> None:
    await agencies.decide(receipt, "rejected", "Surat tidak ditandatangani.")


async def completed(agencies: Agencies, receipt: Json) -> None:
    """Returned, completed by the agency, then approved."""
    if not await agencies.decide(receipt, "returned", "Surat penunjukan belum dilampirkan."):
        return
    if await agencies.until(receipt, "returned"):
        how = {
            "headers": {"Tracking-Code": receipt["tracking_code"]},
            "files": agencies.completion(receipt),
        }
        path = "/api/requests/{}/completion"
        if await agencies.act("complete_request", receipt, path, how):
            await agencies.decide(receipt, "approved")


async def withdrawn(agencies: Agencies, receipt: Json) -> None:
    how = {
        "headers": {"Tracking-Code": receipt["tracking_code"]},
        "json": {"reason": "Admin dipindahtugaskan."},
    }
    await agencies.act("withdraw_request", receipt, "/api/requests/{}/withdrawal", how)


async def withdrawn_after_approval(agencies: Agencies, receipt: Json) -> None:
    """Sometimes before the account is made, sometimes after; if the letter was faster it is refused."""
    if await agencies.decide(receipt, "approved"):
        await agencies.client.pause(PAUSE_SECONDS_MAX)
        await withdrawn(agencies, receipt)


async def set_aside(agencies: Agencies, receipt: Json) -> None:
    desk = await agencies.client.officer("front-desk")
    how = {"headers": desk, "json": {"reason": "Surat bukan dari perangkat daerah ini."}}
    await agencies.act("set_aside_request", receipt, "/api/requests/{}/setting-aside", how)


async def begin(clients: Sequence[Client]) -> Sequence[Agencies]:
    """Every agency writes through one client only, so that each knows where its agencies stand."""
    agencies = await clients[0].look("/api/agencies", {})
    return [Agencies(each, agencies[n :: len(clients)]) for n, each in enumerate(clients)]


def handful(offices: Sequence[Agencies], turn: int) -> Sequence[Awaitable[object]]:
    """Approved, completed, late; for agencies in turn."""
    first, second, third = (each.agencies[turn % len(each.agencies)] for each in offices[:3])
    return (
        offices[0].one(first, confirmed),
        offices[1].one(second, completed),
        offices[2].one(third, approved, late=True),
    )


DRIVER = Driver(
    "office", 5, begin, handful,
    filed={"submit_request": ("intake", "request_id", "RequestSubmitted")},
    acts={
        "complete_request": ("intake", "RequestResubmitted"),
        "withdraw_request": ("intake", "RequestWithdrawn"),
        "set_aside_request": ("intake", "RequestSetAside"),
        "decide_case": ("review", "CaseDecided"),
    },
)  # fmt: skip
