"""The composition root: the only file of review that builds anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.review import decisions, events, publication, reactions, state, views
from services.review.commands import Command
from services.review.events import Event
from services.review.settings import Settings
from services.review.state import State
from services.review.web import REFUSALS, Bench, routes
from shared.contracts.topics import PEOPLE, names_of, topics_of
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.store import Definition
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.publication import publishing
from shared.messaging.subscription import Subscription
from shared.operations.runtime import Messaging, Running, database, service_app, starting
from shared.people.copies import Copies
from shared.web.identity_provider import IdentityProvider

SERVICE = "review"

DEFINITION: Definition[Command, State, Event] = Definition(
    SERVICE,
    Decider(state.initial, decisions.decide, state.evolve),
    events.EVENTS,
    publishing(SERVICE, publication.to_public),
    rows=views.rows,
    views=views.VIEWS,
)


def hearing(unit: UnitOfWork[Command, State, Event]) -> Subscription[Command, State, Event]:
    """What review takes in of intake's facts."""
    group = "review.cases"
    return Subscription(unit, group, names_of(group), reactions.react)


@asynccontextmanager
async def build() -> AsyncIterator[Running]:
    """Everything of this process, from the environment."""
    settings = starting(SERVICE, Settings)
    async with database(settings) as pool, IdentityProvider.of(settings) as identity:
        unit = UnitOfWork(pool, DEFINITION)
        people = Copies(pool, "review.people", [PEOPLE.name])
        messaging = Messaging(settings, unit, [hearing(unit), people], topics_of(SERVICE))
        await messaging.recover()
        app = service_app(settings, pool, [routes(Bench(unit))], identity, REFUSALS, messaging)
        yield Running(SERVICE, app, settings, messaging.background())
