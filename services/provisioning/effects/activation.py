"""Due work on the platform: what to do follows from the agency's state, what came of it goes back as a command."""

from uuid import UUID

from services.provisioning.commands import (
    Command,
    RecordActivation,
    RecordFailure,
    RecordSuspension,
)
from services.provisioning.effects.port import (
    AccountWanted,
    Platform,
    PlatformConflict,
    PlatformRefused,
    PlatformUnauthorised,
    PlatformUnavailable,
    user_id_of,
)
from services.provisioning.state import Account, State
from shared.event_sourcing.database import Pool
from shared.event_sourcing.outcomes import GiveUp, TryLater
from shared.event_sourcing.scheduling import Due
from shared.event_sourcing.unit_of_work import Work
from shared.people.persons import find_person, is_forgotten

UNAUTHORISED_PAUSE_SECONDS = 60.0


class Activation:
    """Makes, replaces and suspends accounts on one platform."""

    def __init__(self, platform: Platform, pool: Pool) -> None:
        self._platform, self._pool = platform, pool

    async def perform(self, due: Due, state: State) -> Work[Command]:
        """Look before acting: the same work may have been done by a process that died before it could say so.

        A worker that lost its lease and woke late finds the account settled, and leaves it alone.
        """
        account = state.accounts[UUID(due.payload["request_id"])]
        try:
            if account.dropped or account.phase == "suspending":
                return await self._suspend(due, account)
            if account.phase == "wanted":
                return await self._activate(due, account, state)
        except PlatformUnavailable as away:
            raise TryLater(away.reason_code, away.retry_after_seconds) from away
        except PlatformUnauthorised as unauthorised:
            raise TryLater(unauthorised.reason_code, UNAUTHORISED_PAUSE_SECONDS) from unauthorised
        except (PlatformRefused, PlatformConflict) as refused:
            raise GiveUp(refused.reason_code) from refused
        raise TryLater("settled")

    def gave_up(self, due: Due, reason: str) -> Work[Command]:
        """People see the reason; the work goes on at a slower pace."""
        request_id, platform, attempts = (
            UUID(due.payload["request_id"]),
            self._platform.name,
            due.attempts + 1,
        )
        return Work(
            due.stream_id,
            lambda given: RecordFailure(request_id, platform, reason, attempts, given.at),
        )

    async def _activate(self, due: Due, account: Account, state: State) -> Work[Command]:
        subject = account.subject
        person = await find_person(self._pool, subject.administrator_id)
        if person is None or person.email is None:
            if await is_forgotten(self._pool, subject.administrator_id):
                raise GiveUp("administrator_forgotten")
            raise TryLater("administrator_not_here_yet")
        wanted = AccountWanted(subject.request_id, subject.agency_code, person.name, person.email)
        await self._platform.ensure_space(subject.agency_code)
        made = await self._platform.ensure_administrator(wanted)
        if not made.usable:
            raise TryLater("account_not_usable")
        former = self._former(account, state, made.user_id)
        if former:
            await self._platform.suspend(former)
        name = self._platform.name
        return Work(
            due.stream_id,
            lambda given: RecordActivation(
                subject.request_id, name, made.user_id, made.group, former, given.at
            ),
        )

    @staticmethod
    def _former(account: Account, state: State, user_id: str) -> str | None:
        """Whose place the new administrator takes: the new account stands before the old one goes."""
        replaces = account.subject.kind == "replace_administrator"
        return state.administrator if replaces and state.administrator != user_id else None

    async def _suspend(self, due: Due, account: Account) -> Work[Command]:
        subject = account.subject
        user_id = account.user_id or user_id_of(subject.agency_code, subject.request_id)
        found = await self._platform.suspend(user_id)
        suspended, name = (found.user_id if found else None), self._platform.name
        return Work(
            due.stream_id,
            lambda given: RecordSuspension(subject.request_id, name, suspended, given.at),
        )
