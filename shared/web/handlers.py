"""Turns what is raised at the web edge into problem details; each service has its own refusals."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.event_sourcing.outcomes import KeyReused, Refused, Unavailable
from shared.operations.redaction import describe
from shared.web.correlation import trace_of
from shared.web.field_messages import field_errors
from shared.web.headers import IDEMPOTENCY_KEY
from shared.web.problems import (
    SHARED_REFUSALS,
    FieldError,
    Problem,
    Refusal,
    not_found,
    problem,
    problem_response,
    refusal_problem,
    unavailable,
)

Handler = Callable[[Request, Exception], Awaitable[Response]]

log = structlog.get_logger(__name__)


def add_problem_handlers(app: FastAPI, refusals: Mapping[str, Refusal]) -> None:
    """`refusals` of the service come before the shared ones."""
    known = {**SHARED_REFUSALS, **refusals}
    app.add_exception_handler(Problem, _answers(_problem_itself))
    app.add_exception_handler(Refused, _answers(lambda error: _refused(error, known)))
    app.add_exception_handler(KeyReused, _answers(_key_reused))
    app.add_exception_handler(Unavailable, _answers(_unavailable))
    app.add_exception_handler(RequestValidationError, _answers(_invalid))
    app.add_exception_handler(HTTPException, _answers(_http))


def _answers(tell: Callable[[Exception], Problem]) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        return problem_response(tell(error), str(trace_of(request).correlation_id))

    return answer


def _problem_itself(error: Exception) -> Problem:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return error


def _refused(error: Exception, known: Mapping[str, Refusal]) -> Problem:
    assert isinstance(error, Refused)  # noqa: S101 - registered for it
    refusal = known.get(error.code)
    if refusal is None:
        log.error("refusal_without_words", code=error.code)
        return problem(409, code=error.code)
    return refusal_problem(error.code, refusal, error.details)


def _key_reused(_error: Exception) -> Problem:
    message = "Kunci ini sudah dipakai untuk isi yang lain."
    return problem(409, FieldError(IDEMPOTENCY_KEY, message), code="key_reused", detail=message)


def _unavailable(error: Exception) -> Problem:
    cause = error.__cause__
    log.warning("world_away", cause=describe(cause) if cause else None)
    return unavailable()


def _invalid(error: Exception) -> Problem:
    """Of the path and the query: an address with a wrong id in it is an unknown address."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    mistakes = error.errors()
    if any(mistake["loc"][:1] == ("path",) for mistake in mistakes):
        return not_found()
    told = [{**mistake, "loc": mistake["loc"][1:]} for mistake in mistakes]
    return problem(422, *field_errors(cast("list[ErrorDetails]", told)))


def _http(error: Exception) -> Problem:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return problem(error.status_code, headers=error.headers)
