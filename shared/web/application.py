"""The HTTP application of a service: its routers, and around them what all services share."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from shared.operations import metrics
from shared.operations.settings import CommonSettings
from shared.web.body_limits import BodyLimits
from shared.web.envelope import Envelope
from shared.web.handlers import add_problem_handlers
from shared.web.limits import SourceLimit
from shared.web.problems import Refusal
from shared.web.sign_in import Identity

HealthAnswer = tuple[bool, Mapping[str, object]]
Asked = Callable[[], HealthAnswer | Awaitable[HealthAnswer]]


@dataclass(frozen=True, slots=True)
class Health:
    """`live`: does work go forward. `ready`: can it answer now. Each says (ok, what it saw)."""

    live: Asked
    ready: Asked


def create_app(
    settings: CommonSettings,
    routers: Sequence[APIRouter],
    *,
    identity: Identity,
    health: Health,
    refusals: Mapping[str, Refusal] | None = None,
) -> FastAPI:
    """No documentation pages; no redirect to a similar address."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.identity = identity
    app.state.filing_limit = SourceLimit(settings.filings_per_minute)
    add_problem_handlers(app, refusals or {})
    for router in (*routers, _operators(health)):
        app.include_router(router)
    app.add_middleware(BodyLimits)
    app.add_middleware(Envelope, https=settings.public_url.startswith("https://"))
    return app


def _operators(health: Health) -> APIRouter:
    """Not routed by the front door."""
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> Response:
        return await _told(health.live)

    @router.get("/health/ready")
    async def ready() -> Response:
        return await _told(health.ready)

    @router.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    return router


async def _told(asked: Asked) -> Response:
    answer = asked()
    good, body = await answer if inspect.isawaitable(answer) else answer
    status = 200 if good else 503
    return Response(orjson.dumps(dict(body)), status, media_type="application/json")
