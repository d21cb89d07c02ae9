"""The composition root: the only file of complaints that builds anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.complaints import decisions, events, publication, reservations, schedule, state, views
from services.complaints.commands import Command
from services.complaints.events import Event
from services.complaints.forms import REFUSALS
from services.complaints.settings import Settings
from services.complaints.state import State
from services.complaints.web import Register, pages, routes
from shared.contracts.topics import topics_of
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.scheduling import Deadlines, Due
from shared.event_sourcing.store import Definition
from shared.event_sourcing.unit_of_work import UnitOfWork, Work
from shared.messaging.publication import publishing, recovering
from shared.operations.runtime import Messaging, Running, database, service_app, starting
from shared.service_standard.standard import load_standard
from shared.web.identity_provider import IdentityProvider
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar

SERVICE = "complaints"

DEFINITION: Definition[Command, State, Event] = Definition(
    SERVICE,
    Decider(state.initial, decisions.decide, state.evolve),
    events.EVENTS,
    publishing(SERVICE, publication.to_public),
    schedule.due,
    views.rows,
    views=views.VIEWS,
    recovered=recovering(reservations.recovered),
    uses_calendar=True,
)


@asynccontextmanager
async def build() -> AsyncIterator[Running]:
    """Everything of this process, from the environment."""
    settings = starting(SERVICE, Settings)
    async with database(settings) as pool, IdentityProvider.of(settings) as identity:
        unit = UnitOfWork(pool, DEFINITION)
        keys, calendars = TrackingKeys.read(settings.secret_file), {1: WorkingCalendar.bundled()}
        register = Register(unit, keys, load_standard(), calendars)
        messaging = Messaging(settings, unit, [], topics_of(SERVICE))
        await messaging.recover()
        deadlines = Deadlines(unit, schedule.DEADLINE, _breach)
        routers = [routes(register), pages(register)]
        app = service_app(settings, pool, routers, identity, REFUSALS, messaging)
        yield Running(
            SERVICE, app, settings, {**messaging.background(), "deadlines": deadlines.run}
        )


def _breach(due: Due) -> Work[Command]:
    command = schedule.to_command(due)
    return Work(due.stream_id, lambda _: command)
