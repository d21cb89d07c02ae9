"""The composition root: the only file of notifier that builds anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from services.notifier import (
    decisions,
    events,
    publication,
    reactions,
    reservations,
    schedule,
    state,
    views,
)
from services.notifier.commands import Command
from services.notifier.effects.correspondence import Letters, Mails, Office
from services.notifier.effects.letter import Signer
from services.notifier.effects.mail import SmtpMailer, SmtpSettings
from services.notifier.events import Event
from services.notifier.settings import Settings
from services.notifier.state import State
from services.notifier.web import Counter, routes
from shared.contracts.topics import COMPLAINANTS, PEOPLE, REVIEW_TEXTS, names_of, topics_of
from shared.event_sourcing.database import Pool
from shared.event_sourcing.decider import Decider
from shared.event_sourcing.scheduling import Effects
from shared.event_sourcing.store import Definition
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.consumer import Takes
from shared.messaging.publication import publishing, recovering
from shared.messaging.subscription import Subscription
from shared.operations.runtime import Messaging, Running, database, service_app, starting
from shared.people.copies import Copies
from shared.service_standard.standard import load_standard
from shared.web.identity_provider import IdentityProvider
from shared.web.tracking import TrackingKeys
from shared.working_time.calendar import WorkingCalendar

SERVICE = "notifier"
MAIL_ATTEMPTS_MAX = 3_000
"""Two days at the back-off's slowest pace of a minute; with its jitter, never less than one."""

DEFINITION: Definition[Command, State, Event] = Definition(
    SERVICE,
    Decider(state.initial, decisions.decide, state.evolve),
    events.EVENTS,
    publishing(SERVICE, publication.to_public),
    schedule.due,
    views.rows,
    views=views.VIEWS,
)


def hearing(unit: UnitOfWork[Command, State, Event]) -> Subscription[Command, State, Event]:
    """What notifier takes in of the others' facts."""
    group, calendar = "notifier.mail", WorkingCalendar.bundled()
    return Subscription(unit, group, names_of(group), partial(reactions.react, calendar=calendar))


@asynccontextmanager
async def build() -> AsyncIterator[Running]:
    """Everything of this process, from the environment."""
    settings = starting(SERVICE, Settings)
    async with database(settings) as pool, IdentityProvider.of(settings) as identity:
        taken = partial(reservations.recovered, pattern=settings.letter_number_pattern)
        unit = UnitOfWork(pool, replace(DEFINITION, recovered=recovering(taken)))
        office = _office(settings, pool)
        people = [topic.name for topic in (PEOPLE, COMPLAINANTS, REVIEW_TEXTS)]
        subscriptions: list[Takes] = [
            hearing(unit),
            Copies(pool, "notifier.people", people),
        ]
        messaging = Messaging(settings, unit, subscriptions, topics_of(SERVICE))
        await messaging.recover()
        letters, mails = Letters(office), Mails(office)
        numbering = Effects(
            unit, schedule.LETTER, letters.perform, letters.gave_up, at_once=2, attempts_max=None
        )
        sending = Effects(
            unit, schedule.MAIL, mails.perform, mails.gave_up,
            at_once=settings.mails_at_once, attempts_max=MAIL_ATTEMPTS_MAX,
        )  # fmt: skip
        routers = [routes(Counter(pool, office.keys))]
        app = service_app(settings, pool, routers, identity, {}, messaging)
        background = {**messaging.background(), "letters": numbering.run, "mails": sending.run}
        yield Running(SERVICE, app, settings, background)


def _office(settings: Settings, pool: Pool) -> Office:
    smtp = SmtpSettings(
        settings.smtp_host,
        settings.smtp_port,
        settings.mail_from,
        settings.mail_domain,
        settings.smtp_starttls,
        settings.smtp_ca_file,
        settings.smtp_username,
        settings.smtp_password_file,
    )
    return Office(
        pool,
        SmtpMailer(smtp, lambda: datetime.now(UTC)),
        TrackingKeys.read(settings.secret_file),
        load_standard(),
        Signer(settings.signer_name, settings.signer_rank, settings.signer_nip),
        settings.letter_number_pattern,
        settings.public_url,
        {str(role): addresses for role, addresses in settings.recipients.items()},
    )
