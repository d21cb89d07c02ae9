"""The composition root: the only file of provisioning that builds anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.provisioning import decisions, events, publication, reactions, schedule, state
from services.provisioning.commands import Command
from services.provisioning.effects import SCIM_MEDIA_TYPE, BoundedHttp, ScimPlatform
from services.provisioning.effects.activation import Activation
from services.provisioning.events import Event
from services.provisioning.settings import Settings
from services.provisioning.state import State
from shared.contracts.topics import PEOPLE, names_of, topics_of
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.scheduling import Effects
from shared.event_sourcing.store import Definition
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.publication import publishing
from shared.messaging.subscription import Subscription
from shared.operations.runtime import Messaging, Running, database, service_app, starting
from shared.people.copies import Copies
from shared.web.identity_provider import IdentityProvider

SERVICE = "provisioning"

DEFINITION: Definition[Command, State, Event] = Definition(
    SERVICE,
    Decider(state.initial, decisions.decide, state.evolve),
    events.EVENTS,
    publishing(SERVICE, publication.to_public),
    schedule.due,
)


def hearing(unit: UnitOfWork[Command, State, Event]) -> Subscription[Command, State, Event]:
    """What provisioning takes in of intake's and review's facts."""
    group = "provisioning.accounts"
    return Subscription(unit, group, names_of(group), reactions.react)


@asynccontextmanager
async def build() -> AsyncIterator[Running]:
    """Everything of this process, from the environment."""
    settings = starting(SERVICE, Settings)
    http = BoundedHttp(
        settings.platform_url, settings.platform_token_file, media_type=SCIM_MEDIA_TYPE
    )
    async with database(settings) as pool, IdentityProvider.of(settings) as identity, http:
        unit = UnitOfWork(pool, DEFINITION)
        people = Copies(pool, "provisioning.people", [PEOPLE.name])
        messaging = Messaging(settings, unit, [hearing(unit), people], topics_of(SERVICE))
        await messaging.recover()
        activation = Activation(ScimPlatform(http), pool)
        platform = Effects(
            unit, schedule.PLATFORM, activation.perform, activation.gave_up,
            at_once=settings.platform_calls_at_once,
        )  # fmt: skip
        app = service_app(settings, pool, [], identity, {}, messaging)
        yield Running(SERVICE, app, settings, {**messaging.background(), "platform": platform.run})
