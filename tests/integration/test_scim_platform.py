"""P8 on a real SCIM server: one space per agency, one account per request, whatever breaks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import httpx2
import pytest

from services.provisioning.effects import (
    SCIM_MEDIA_TYPE,
    AccountWanted,
    BoundedHttp,
    PlatformConflict,
    PlatformUnauthorised,
    PlatformUnavailable,
    ScimPlatform,
    user_id_of,
)
from tests.support.scim_server import TOKEN, scim_server
from tests.support.wire_cutter import Fault, WireCutter, canned, wire_cutter

pytestmark = pytest.mark.timeout(120)

_numbers = count(1)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One server for the module: each test uses agencies of its own."""
    with scim_server(tmp_path_factory.mktemp("scim") / "server.log") as port:
        yield port


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@dataclass
class Inside:
    """The server as its own administrator sees it, past the proxy."""

    client: httpx2.AsyncClient

    async def listed(self, kind: str, attribute: str, value: str) -> list[dict[str, Any]]:
        query = {"filter": f'{attribute} eq "{value}"'}
        answer = (await self.client.get(kind, params=query)).json()
        found: list[dict[str, Any]] = answer.get("Resources", [])
        return found

    async def add(self, kind: str, **attributes: object) -> str:
        schema = f"urn:ietf:params:scim:schemas:core:2.0:{kind.removesuffix('s')}"
        answer = await self.client.post(kind, json={"schemas": [schema], **attributes})
        assert answer.status_code == 201, answer.text
        new_id: str = answer.json()["id"]
        return new_id

    async def patch(self, target: str, **change: object) -> None:
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        answer = await self.client.patch(target, json={"schemas": [schema], "Operations": [change]})
        assert answer.status_code == 204, answer.text


@pytest.fixture
async def inside(port: int) -> AsyncIterator[Inside]:
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/v2/", headers={"Authorization": f"Bearer {TOKEN}"}
    ) as client:
        yield Inside(client)


@pytest.fixture
async def cutter(port: int) -> AsyncIterator[WireCutter]:
    async with wire_cutter(port) as proxy:
        yield proxy


@pytest.fixture
async def platform(cutter: WireCutter, token_file: Path) -> AsyncIterator[ScimPlatform]:
    async with connection(cutter.port, token_file) as http:
        yield ScimPlatform(http)


def connection(port: int, token_file: Path, call_seconds_max: float = 5.0) -> BoundedHttp:
    return BoundedHttp(
        f"http://127.0.0.1:{port}/v2",
        token_file,
        media_type=SCIM_MEDIA_TYPE,
        call_seconds_max=call_seconds_max,
    )


def replace(token_file: Path, token: str) -> None:
    token_file.write_text(token, encoding="utf-8")


def wanted(agency_code: str | None = None, display_name: str = "Siti Aminah") -> AccountWanted:
    number = next(_numbers)
    return AccountWanted(
        request_id=uuid5(NAMESPACE_DNS, str(number)),
        agency_code=agency_code or f"pd{number}",
        display_name=display_name,
        email="siti@example.go.id",
    )


async def assert_one_account(inside: Inside, account: AccountWanted) -> None:
    users = await inside.listed("Users", "externalId", str(account.request_id))
    groups = await inside.listed("Groups", "externalId", f"pd-{account.agency_code}")
    assert [user["userName"] for user in users] == [
        user_id_of(account.agency_code, account.request_id)
    ]
    assert users[0]["active"] is True
    assert len(groups) == 1
    members = [member["value"] for member in groups[0].get("members", [])]
    assert members.count(users[0]["id"]) == 1


async def test_an_approved_request_becomes_an_active_account_in_its_agencys_group(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    found = await platform.ensure_administrator(account)
    assert found.usable
    assert found.group == f"pd-{account.agency_code}"
    assert found.user_id == f"{account.agency_code}.{account.request_id.hex[-8:]}"
    assert await platform.read_back(found.user_id) == found
    await assert_one_account(inside, account)
    (user,) = await inside.listed("Users", "userName", found.user_id)
    assert (user["displayName"], user["emails"][0]["value"]) == ("Siti Aminah", account.email)


async def test_asking_twice_for_the_same_administrator_changes_nothing(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    first = await platform.ensure_administrator(account)
    before = await inside.listed("Groups", "externalId", first.group)
    assert await platform.ensure_administrator(account) == first
    assert await inside.listed("Groups", "externalId", first.group) == before


async def test_two_administrators_of_one_agency_share_its_group(
    platform: ScimPlatform, inside: Inside
) -> None:
    first = wanted()
    second = wanted(first.agency_code)
    await asyncio.gather(
        platform.ensure_administrator(first), platform.ensure_administrator(second)
    )
    await assert_one_account(inside, first)
    await assert_one_account(inside, second)


async def test_the_account_of_a_lost_answer_is_found_and_not_made_again(
    platform: ScimPlatform, cutter: WireCutter, inside: Inside
) -> None:
    account = wanted()
    cutter.break_call(2, Fault.CUT_AFTER)
    with pytest.raises(PlatformUnavailable, match="not_reachable"):
        await platform.ensure_administrator(account)
    assert cutter.calls[-1] == "POST /v2/Users"
    assert len(await inside.listed("Users", "externalId", str(account.request_id))) == 1
    assert (await platform.ensure_administrator(account)).usable
    assert cutter.calls.count("POST /v2/Users") == 1
    await assert_one_account(inside, account)


async def test_every_call_may_break_in_every_way_and_one_account_comes_of_it(
    cutter: WireCutter, token_file: Path, inside: Inside
) -> None:
    table: dict[tuple[int, Fault], str] = {}
    async with (
        connection(cutter.port, token_file, call_seconds_max=0.25) as impatient,
        connection(cutter.port, token_file) as patient,
    ):
        broken, again = ScimPlatform(impatient), ScimPlatform(patient)
        await again.ensure_administrator(wanted())
        call_count = len(cutter.calls)
        for number in range(call_count):
            for fault in Fault:
                account = wanted()
                cutter.break_call(number, fault)
                with pytest.raises(PlatformUnavailable) as trouble:
                    await broken.ensure_administrator(account)
                table[number, fault] = trouble.value.reason_code
                await again.ensure_administrator(account)
                await assert_one_account(inside, account)
    assert len(table) == call_count * len(Fault)
    for (number, fault), reason in table.items():
        print(f"call {number:>2} {fault.name:<13} {reason}")  # noqa: T201 - the table itself


async def test_two_processes_that_make_the_same_group_at_once_settle_on_one(
    cutter: WireCutter, token_file: Path, inside: Inside
) -> None:
    both_have_looked = asyncio.Barrier(2)
    waits = iter([both_have_looked.wait, both_have_looked.wait])

    async def meet() -> None:
        wait = next(waits, None)
        if wait is not None:
            await wait()

    cutter.before("POST /v2/Groups", meet)
    first = wanted()
    accounts = [first, *(wanted(first.agency_code) for _ in range(7))]
    async with (
        connection(cutter.port, token_file) as one,
        connection(cutter.port, token_file) as two,
    ):
        platforms = [ScimPlatform(one), ScimPlatform(two)]
        found = await asyncio.gather(
            *(
                platforms[number % 2].ensure_administrator(account)
                for number, account in enumerate(accounts)
            )
        )
    assert all(account.usable for account in found)
    for account in accounts:
        await assert_one_account(inside, account)


async def test_a_group_that_others_change_meanwhile_keeps_their_change(
    platform: ScimPlatform, cutter: WireCutter, inside: Inside
) -> None:
    account = wanted()
    await platform.ensure_space(account.agency_code)
    (group,) = await inside.listed("Groups", "externalId", f"pd-{account.agency_code}")
    intruders = iter(["somebody", "somebody-else"])

    async def somebody_else_joins() -> None:
        intruder = next(intruders, None)
        if intruder:
            await inside.patch(
                f"Groups/{group['id']}", op="add", path="members", value=[{"value": intruder}]
            )

    cutter.before("PATCH /v2/Groups", somebody_else_joins)
    assert (await platform.ensure_administrator(account)).usable
    patches = [call for call in cutter.calls if call.startswith("PATCH")]
    assert len(patches) == 3  # two were refused with 412: If-Match named a stale version
    (group,) = await inside.listed("Groups", "externalId", f"pd-{account.agency_code}")
    assert {"somebody", "somebody-else"} < {member["value"] for member in group["members"]}
    await assert_one_account(inside, account)


async def test_an_account_of_somebody_else_is_never_adopted(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    name = user_id_of(account.agency_code, account.request_id)
    await inside.add("Users", userName=name.upper(), externalId="hrd-77", active=True)
    with pytest.raises(PlatformConflict, match="account_not_ours") as conflict:
        await platform.ensure_administrator(account)
    assert conflict.value.names == (name,)
    with pytest.raises(PlatformConflict, match="account_not_ours"):
        await platform.suspend(name)
    (user,) = await inside.listed("Users", "externalId", "hrd-77")
    assert user["active"] is True
    assert await inside.listed("Groups", "externalId", f"pd-{account.agency_code}") == []


async def test_our_mark_on_another_name_or_on_two_accounts_is_for_a_person_to_decide(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    mark = str(account.request_id)
    await inside.add("Users", userName=f"renamed.{mark}", externalId=mark, active=True)
    with pytest.raises(PlatformConflict, match="account_renamed"):
        await platform.ensure_administrator(account)
    await inside.add("Users", userName=f"copied.{mark}", externalId=mark, active=True)
    with pytest.raises(PlatformConflict, match="account_ambiguous") as conflict:
        await platform.ensure_administrator(account)
    assert set(conflict.value.names) == {f"renamed.{mark}", f"copied.{mark}"}


async def test_a_group_without_our_mark_is_never_adopted(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    await inside.add("Groups", displayName=f"PD-{account.agency_code}", externalId="hrd")
    with pytest.raises(PlatformConflict, match="space_not_ours"):
        await platform.ensure_space(account.agency_code)


async def test_an_empty_second_group_of_ours_goes_and_a_used_one_is_left_to_a_person(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    name = f"pd-{account.agency_code}"
    await platform.ensure_administrator(account)
    await inside.add("Groups", displayName=name, externalId=name)
    await platform.ensure_space(account.agency_code)
    await assert_one_account(inside, account)
    second = await inside.add("Groups", displayName=name, externalId=name)
    await inside.patch(f"Groups/{second}", op="add", path="members", value=[{"value": "x"}])
    with pytest.raises(PlatformConflict, match="space_ambiguous"):
        await platform.ensure_space(account.agency_code)


async def test_suspending_twice_leaves_one_suspended_account(
    platform: ScimPlatform, inside: Inside
) -> None:
    found = await platform.ensure_administrator(wanted())
    suspended = await platform.suspend(found.user_id)
    assert suspended is not None
    (before,) = await inside.listed("Users", "userName", found.user_id)
    assert before["active"] is suspended.active is False
    assert await platform.suspend(found.user_id) == suspended
    assert await inside.listed("Users", "userName", found.user_id) == [before]


async def test_suspending_wins_over_somebody_who_edits_the_account_meanwhile(
    platform: ScimPlatform, cutter: WireCutter, inside: Inside
) -> None:
    found = await platform.ensure_administrator(wanted())
    (user,) = await inside.listed("Users", "userName", found.user_id)
    edits = iter(["Siti A."])

    async def edit() -> None:
        name = next(edits, None)
        if name:
            await inside.patch(f"Users/{user['id']}", op="replace", path="displayName", value=name)

    cutter.before("PATCH /v2/Users", edit)
    suspended = await platform.suspend(found.user_id)
    assert suspended is not None
    assert not suspended.active
    (user,) = await inside.listed("Users", "userName", found.user_id)
    assert (user["displayName"], user["active"]) == ("Siti A.", False)


async def test_a_suspended_account_is_not_switched_on_by_a_late_repetition(
    platform: ScimPlatform, inside: Inside
) -> None:
    account = wanted()
    found = await platform.ensure_administrator(account)
    await platform.suspend(found.user_id)
    with pytest.raises(PlatformConflict, match="account_inactive"):
        await platform.ensure_administrator(account)
    (user,) = await inside.listed("Users", "userName", found.user_id)
    assert user["active"] is False


async def test_an_account_that_never_was_reads_back_as_none(platform: ScimPlatform) -> None:
    assert await platform.read_back("pd0.00000000") is None
    assert await platform.suspend("pd0.00000000") is None


@pytest.mark.parametrize(
    "name", ["Ma'ruf \"Anton\" \\ O'Neil", "<b>{{7*7}}</b>", "محمد فؤاد", "N" * 200, "Ümlaut é 🎓"]
)
async def test_a_strange_name_arrives_as_it_was_written(
    platform: ScimPlatform, inside: Inside, name: str
) -> None:
    found = await platform.ensure_administrator(wanted(display_name=name))
    (user,) = await inside.listed("Users", "userName", found.user_id)
    assert user["displayName"] == name


async def test_a_wrong_token_is_told_apart_and_a_corrected_file_is_used_at_once(
    platform: ScimPlatform, token_file: Path
) -> None:
    replace(token_file, "wrong")
    with pytest.raises(PlatformUnauthorised, match="unauthorised"):
        await platform.ensure_space("token")
    replace(token_file, "não-ascii")
    with pytest.raises(PlatformUnauthorised, match="token_file_unreadable"):
        await platform.ensure_space("token")
    replace(token_file, TOKEN)
    assert await platform.ensure_space("token") == "pd-token"


async def test_a_name_taken_for_another_reason_is_a_conflict(
    platform: ScimPlatform, cutter: WireCutter
) -> None:
    cutter.break_call(2, canned("409 Conflict"))
    with pytest.raises(PlatformConflict, match="uniqueness"):
        await platform.ensure_administrator(wanted())


async def test_a_verb_ends_in_time_however_slow_each_call_is(
    cutter: WireCutter, token_file: Path
) -> None:
    async def dawdle() -> None:
        await asyncio.sleep(0.2)

    cutter.before("GET", dawdle)
    async with connection(cutter.port, token_file) as http:
        platform = ScimPlatform(http, verb_seconds_max=0.3)
        with pytest.raises(PlatformUnavailable, match="timed_out"):
            await platform.ensure_administrator(wanted())
