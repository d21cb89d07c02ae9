"""One supervised process per service: HTTP, relay, consumer and schedulers live and end together.

Promise P12: a background task that dies ends the process with a non-zero code, and the supervisor starts it again.
SIGTERM: HTTP drains, work in flight finishes or is left to its lease, all within 10 s.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar

import asyncpg
import structlog
import uvicorn
import uvloop
from fastapi import APIRouter
from starlette.types import ASGIApp

from shared.contracts.topics import Topic
from shared.event_sourcing.database import Pool, is_world_away, open_pool
from shared.event_sourcing.unit_of_work import UnitOfWork
from shared.messaging.consumer import Consumer, Takes
from shared.messaging.recovery import Recovery
from shared.messaging.relay import Relay
from shared.operations.gauges import keep_gauges
from shared.operations.logging import configure_logging
from shared.operations.memory import give_back_large_blocks, spare_the_collector
from shared.operations.settings import CommonSettings, load_settings
from shared.web.application import Health, HealthAnswer, create_app
from shared.web.http_protocol import HttpProtocol
from shared.web.problems import Refusal
from shared.web.sign_in import Identity

HTTP_DRAIN_SECONDS = 4
STOP_SECONDS = 7.0
POOL_CLOSE_SECONDS = 1.0
"""Together less than the ten seconds after which a supervisor kills."""
DATABASE_AWAY_AT_START_SECONDS = 60.0

Configured = TypeVar("Configured", bound=CommonSettings)
C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """What a composition root hands over: the HTTP application and the background work by name."""

    service: str
    app: ASGIApp
    settings: CommonSettings
    background: Mapping[str, Callable[[], Awaitable[None]]]


def starting(service: str, kind: type[Configured]) -> Configured:
    """First thing in a process: its settings, or a clear refusal, and its log."""
    settings = load_settings(kind)
    configure_logging(service, settings.log_format)
    return settings


class Messaging(Generic[C, S, E]):
    """The relay and the consumer of a service, and what its health says of them."""

    def __init__(
        self,
        settings: CommonSettings,
        unit: UnitOfWork[C, S, E],
        subscriptions: Sequence[Takes],
        topics: Sequence[Topic],
    ) -> None:
        service, bootstrap = unit.definition.service, settings.kafka_bootstrap
        self._relay = Relay(settings.database_dsn, bootstrap, service, unit.wakeups)
        own = [each.name for each in topics if each.owner == service and each.facts]
        self._recovery = Recovery(unit, settings.database_dsn, bootstrap, own)
        self._consumer = Consumer(
            unit.pool, bootstrap, service, subscriptions, [topic.name for topic in topics]
        )
        self._gauges = partial(keep_gauges, service, unit.pool)

    async def recover(self) -> None:
        """Before the first command: what a restored database does not know that this service has said."""
        await self._recovery.at_start()

    def background(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs as long as the process."""
        return {"relay": self._say, "consumer": self._take_in, "gauges": self._gauges}

    def state(self) -> str:
        """`consuming`, or what keeps it from doing so."""
        away = self._relay.kafka_away or self._recovery.kafka_away
        return "kafka_away" if away else self._consumer.state

    async def _say(self) -> None:
        await self._recovery.done()
        await self._relay.run()

    async def _take_in(self) -> None:
        await self._recovery.done()
        await self._consumer.run()


def service_app(  # noqa: PLR0913, PLR0917 - what every service's application is made of
    settings: CommonSettings,
    pool: Pool,
    routers: Sequence[APIRouter],
    identity: Identity,
    refusals: Mapping[str, Refusal],
    messaging: Messaging[C, S, E],
) -> ASGIApp:
    """The HTTP application with its health: live while the process lives, ready with a database."""

    def live() -> HealthAnswer:
        return True, {"status": "ok", "kafka": messaging.state()}

    async def is_ready() -> HealthAnswer:
        return await ready(pool, messaging.state)

    health = Health(live, is_ready)
    return create_app(settings, routers, identity=identity, health=health, refusals=refusals)


class _Server(uvicorn.Server):
    """Signals are the runtime's: uvicorn's own handler would end the background work too early."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(build: Callable[[], AbstractAsyncContextManager[Running]]) -> None:
    """Run until SIGTERM or SIGINT (exit code 0), or until a part dies (exit code 1)."""
    give_back_large_blocks()
    sys.exit(uvloop.run(_main(build)))


async def _main(build: Callable[[], AbstractAsyncContextManager[Running]]) -> int:
    stop, built = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait(), name="stop")
    running = asyncio.create_task(_run(build, built, stop))
    await asyncio.wait({running, stopping}, return_when="FIRST_COMPLETED")
    if not built.is_set():  # what it waits for, a database perhaps, may never come
        running.cancel()
    stopping.cancel()
    try:
        return await running
    except asyncio.CancelledError:
        return 0


async def _run(
    build: Callable[[], AbstractAsyncContextManager[Running]],
    built: asyncio.Event,
    stop: asyncio.Event,
) -> int:
    try:
        async with build() as running:
            built.set()
            spare_the_collector()
            return await _supervise(running, stop)
    except (OSError, asyncpg.PostgresError) as error:
        log.error("service_not_started", error=repr(error))  # noqa: TRY400 - the message says it all
        return 1


async def _supervise(running: Running, stop: asyncio.Event) -> int:
    config = uvicorn.Config(
        running.app,
        host=running.settings.http_host,
        port=running.settings.http_port,
        loop="none",
        http=HttpProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=HTTP_DRAIN_SECONDS,
        server_header=False,
        ws="none",
    )
    server = _Server(config)
    http = asyncio.create_task(server.serve(), name="http")
    background: set[asyncio.Task[None]] = {
        asyncio.create_task(_until_cancelled(work), name=name)
        for name, work in running.background.items()
    }
    stopping = asyncio.create_task(_until(stop), name="stop")
    log.info("service_started", service=running.service, port=running.settings.http_port)
    await asyncio.wait({http, stopping, *background}, return_when="FIRST_COMPLETED")
    dead = [task for task in (http, *background) if task.done() and not stop.is_set()]
    for task in dead:
        error = None if task.cancelled() else task.exception()
        log.error("part_died", part=task.get_name(), error=repr(error), exc_info=error)
    server.should_exit = True
    for task in (stopping, *background):
        task.cancel()
    _, late = await asyncio.wait({http, *background}, timeout=STOP_SECONDS)
    for task in late:
        log.warning("part_left_behind", part=task.get_name())
    http.cancel()
    log.info("service_stopped", service=running.service)
    return 1 if dead else 0


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _until_cancelled(work: Callable[[], Awaitable[None]]) -> None:
    await work()


@asynccontextmanager
async def database(settings: CommonSettings) -> AsyncIterator[Pool]:
    """The service's pool; waits up to a minute for a database that is still starting."""
    deadline = asyncio.get_running_loop().time() + DATABASE_AWAY_AT_START_SECONDS
    while True:
        try:
            pool = await open_pool(settings.database_dsn)
            break
        except Exception as error:
            if not is_world_away(error) or asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("service_waits_for_database", error=type(error).__name__)
            await asyncio.sleep(0.5)
    try:
        shift = await pool.fetchval("select datacloud_now() - clock_timestamp()")
        settings.refuse_clock_shift(shift if abs(shift.total_seconds()) > 1 else timedelta(0))
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), POOL_CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()


async def ready(pool: Pool, kafka_state: Callable[[], str]) -> tuple[bool, dict[str, str]]:
    """Ready = HTTP and database. Kafka away is `degraded`, still ready: the service goes on accepting."""
    try:
        async with asyncio.timeout(2):
            await pool.fetchval("select 1")
    except Exception as error:
        if not is_world_away(error):
            raise
        return False, {"status": "unavailable", "database": "away", "kafka": kafka_state()}
    kafka = kafka_state()
    status = "ok" if kafka == "consuming" else "degraded"
    return True, {"status": status, "database": "ok", "kafka": kafka}
