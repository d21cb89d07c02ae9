"""The composition root: the only file of intake that builds anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.intake import (
    decisions,
    events,
    publication,
    reactions,
    reservations,
    schedule,
    state,
    views,
)
from services.intake.commands import Command
from services.intake.events import Event
from services.intake.forms import REFUSALS
from services.intake.settings import Settings
from services.intake.state import State
from services.intake.web import api, pages
from shared.contracts.topics import REVIEW_TEXTS, names_of, topics_of
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.scheduling import Deadlines, Due
from shared.event_sourcing.store import Definition
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.messaging.publication import publishing, recovering
from shared.messaging.subscription import Subscription
from shared.operations.runtime import Messaging, Running, database, service_app, starting
from shared.people.copies import Copies
from shared.service_standard.standard import load_standard
from shared.web.identity_provider import IdentityProvider
from shared.web.letters import LetterChecker
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar

SERVICE = "intake"

DEFINITION: Definition[Command, State, Event] = Definition(
    SERVICE,
    Decider(state.initial, decisions.decide, state.evolve),
    events.EVENTS,
    publishing(SERVICE, publication.to_public),
    schedule.due,
    views.rows,
    reservations.reserve,
    views.VIEWS,
    recovering(reservations.recovered),
    uses_calendar=True,
)


def hearing(unit: UnitOfWork[Command, State, Event]) -> Subscription[Command, State, Event]:
    """What intake takes in of the others' facts."""
    group = "intake.progress"
    return Subscription(unit, group, names_of(group), reactions.react)


@asynccontextmanager
async def build() -> AsyncIterator[Running]:
    """Everything of this process, from the environment."""
    settings = starting(SERVICE, Settings)
    async with (
        database(settings) as pool,
        IdentityProvider.of(settings) as identity,
        LetterChecker() as letters,
    ):
        unit = UnitOfWork(pool, DEFINITION)
        desk = api.Desk(
            unit,
            TrackingKeys.read(settings.secret_file),
            letters,
            load_standard(),
            {1: WorkingCalendar.bundled()},
            settings.extra_email_domains,
            settings.public_url,
        )
        progress = hearing(unit)
        texts = Copies(pool, "intake.review-texts", [REVIEW_TEXTS.name])
        messaging = Messaging(settings, unit, [progress, texts], topics_of(SERVICE))
        await messaging.recover()
        deadlines = Deadlines(unit, schedule.DEADLINE, _breach)
        app = service_app(
            settings, pool, [api.routes(desk), pages.routes(desk)], identity, REFUSALS, messaging
        )
        yield Running(
            SERVICE, app, settings, {**messaging.background(), "deadlines": deadlines.run}
        )


def _breach(due: Due) -> Work[Command]:
    command = schedule.to_command(due)
    return Work(due.stream_id, lambda _: command)
