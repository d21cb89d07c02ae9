"""The mail server and the cloud platform in memory: they do as asked, refuse, or do it and lose the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.notifier.effects.mail import Outcome, PermanentFailure, Sent, TemporaryFailure
from services.provisioning.effects.bounded_http import Answer
from services.provisioning.effects.port import PlatformUnavailable
from tests.chaos.simulation.machine import Machine, Process
from tests.chaos.world import Account, Mail, Space


@dataclass(slots=True)
class MailServer:
    """Keeps what it took. `busy`: how many conversations are under way."""

    machine: Machine
    taken: list[Mail] = field(default_factory=list)
    busy: int = 0

    async def send(
        self, process: Process, notification_id: UUID, subject: str, recipients: tuple[str, ...]
    ) -> Outcome:
        """The verdict as the client sees it."""
        machine, trouble = self.machine, self.machine.weather.mail_fails
        self.busy += 1
        try:
            await machine.step(process, "before mail")
            if machine.inject("mail hangs", trouble / 4):
                await machine.pause(60)
            if machine.inject("mail refused for now", trouble):
                return TemporaryFailure("server_busy", 451)
            if machine.inject("mail refused for good", trouble / 8):
                return PermanentFailure("recipient_refused", 550)
            name, accepted_at = f"{notification_id}@datacloud.test", machine.now()
            self.taken.append(Mail(name, subject, ", ".join(recipients), accepted_at))
            machine.point(process, "after mail")
            if machine.inject("mail answer lost", trouble):
                machine.interrupts(process.service)
                return TemporaryFailure("timed_out")
            return Sent(accepted_at)
        finally:
            self.busy -= 1


@dataclass(slots=True)
class CloudPlatform:
    """A SCIM server of users and groups. Only userName is unique; a version that differs is refused with 412."""

    machine: Machine
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    busy: int = 0

    def accounts(self) -> list[Account]:
        """As the checker wants them."""
        found = []
        for user in self.users.values():
            groups = [g["displayName"] for g in self.groups.values() if _has(g, user["id"])]
            name = user["userName"]
            found.append(Account(name, user["externalId"], user["active"], groups, self.made.count(name)))  # fmt: skip
        return found

    def spaces(self) -> list[Space]:
        """As the checker wants them."""
        return [
            Space(group["displayName"], [member["value"] for member in group["members"]])
            for group in self.groups.values()
        ]

    async def call(
        self,
        process: Process,
        method: str,
        path: str,
        *,
        document: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """One request. PlatformUnavailable: nobody knows whether it took effect."""
        machine, trouble = self.machine, self.machine.weather.platform_fails
        self.busy += 1
        try:
            await machine.step(process, f"before {method} {path.partition('/')[0]}")
            if machine.inject("platform hangs", trouble / 8):
                await machine.pause(60)
            if machine.inject("platform away", trouble):
                raise PlatformUnavailable("not_reachable")
            answer = self._answer(method, path, document or {}, query or {}, if_match)
            machine.point(process, f"after {method} {path.partition('/')[0]}")
            if machine.inject("platform answer lost", trouble):
                raise PlatformUnavailable("timed_out")
            return answer
        finally:
            self.busy -= 1

    def _answer(
        self, method: str, path: str, document: Mapping[str, Any], query: Mapping[str, str], if_match: str | None
    ) -> Answer:  # fmt: skip
        kind, _, resource_id = path.partition("/")
        table = self.users if kind == "Users" else self.groups
        if method == "POST":
            return self._create(kind, table, document)
        if not resource_id:
            attribute, _, literal = query["filter"].split(" ", 2)
            found = [r for r in table.values() if _same(r.get(attribute), literal.strip('"'))]
            return Answer(200, {"Resources": found})
        resource = table.get(resource_id)
        if resource is None:
            return Answer(404)
        if if_match is not None and if_match != resource["meta"]["version"]:
            return Answer(412)
        if method == "DELETE":
            del table[resource_id]
            return Answer(204)
        if method == "PATCH":
            self._change(resource, document["Operations"][0])
        return Answer(200, resource, resource["meta"]["version"])

    def _create(
        self, kind: str, table: dict[str, dict[str, Any]], document: Mapping[str, Any]
    ) -> Answer:
        name = document.get("userName")
        if name and any(_same(user["userName"], name) for user in table.values()):
            return Answer(409, {"scimType": "uniqueness"})
        number = f"{kind}-{len(self.made)}"
        self.made.append(str(name or document["displayName"]))
        meta = {"created": self.machine.now().isoformat(), "version": "1"}
        members: dict[str, Any] = {} if kind == "Users" else {"members": []}
        table[number] = {**document, **members, "id": number, "meta": meta}
        return Answer(201, table[number], "1")

    @staticmethod
    def _change(resource: dict[str, Any], operation: Mapping[str, Any]) -> None:
        if operation["path"] == "members":
            resource["members"] = [*resource["members"], *operation["value"]]
        else:
            resource[operation["path"]] = operation["value"]
        version = int(resource["meta"]["version"]) + 1
        resource["meta"] = {**resource["meta"], "version": str(version)}


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and one.casefold() == other.casefold()


def _has(group: Mapping[str, Any], user_id: str) -> bool:
    return any(member["value"] == user_id for member in group["members"])
