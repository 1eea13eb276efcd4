"""Every error of every route leaves as problem+json; what is unexpected says nothing of itself."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api_schemas import PROBLEM_MEDIA_TYPE, Problem
from ecg_core.errors import CapacityError, EcgError, Fault, FaultCode
from service.access.request_state import request_state
from service.api.problems import (
    INTERNAL_ERROR,
    ProblemType,
    domain_problem,
    http_problem_type,
    problem,
    problem_type,
)
from service.errors import (
    InvalidParameter,
    KeyMissing,
    KeyRefused,
    RateLimited,
    RequestError,
    ScopeMissing,
)


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem of any error; what is not expected says nothing but the request's id."""
    if isinstance(error, EcgError):
        return domain_problem(error, request_id)
    if isinstance(error, HTTPException):
        return problem(http_problem_type(error.status_code), request_id)
    if isinstance(error, RequestValidationError):
        kind = problem_type(InvalidParameter)
        return problem(kind, request_id, validation_faults(error.errors()))
    return problem(INTERNAL_ERROR, request_id)


def problem_response(
    kind: ProblemType,
    request_id: str,
    faults: tuple[Fault, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as a response; what does not apply is left out."""
    return _response(problem(kind, request_id, faults), headers)


def error_response(error: Exception, request_id: str) -> Response:
    """The response to any error."""
    problem = problem_of(error, request_id)
    if isinstance(error, EcgError):
        return _response(problem, _headers(error, problem.status))
    return _response(problem, error.headers if isinstance(error, HTTPException) else None)


def _response(problem: Problem, headers: Mapping[str, str] | None) -> Response:
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def validation_faults(errors: Sequence[Any]) -> tuple[Fault, ...]:
    """Faults from pydantic's: which field, and what it should be; never what it was."""
    return tuple(_validation_fault(error["type"], error["loc"], error["msg"]) for error in errors)


def _validation_fault(kind: str, location: tuple[str | int, ...], message: str) -> Fault:
    if location[:1] in (("query",), ("path",), ("header",), ("body",)):
        location = location[1:]
    if kind == "extra_forbidden":
        # The unknown field's name is the caller's own text.
        location, message = location[:-1], "holds a field that is not known here"
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    field = "".join(parts).removeprefix(".") or None
    return Fault(FaultCode.INVALID_PARAMETER, message, field=field)


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of every route a problem; what is unexpected is left to the middleware."""

    async def handle(request: Request, error: Exception) -> Response:
        state = request_state(request.scope)
        state.error = error
        response = error_response(error, state.request_id)
        if state.access.throttled:
            # What was sent ahead on this connection is not even looked at.
            response.headers["Connection"] = "close"
        return response

    for kind in (EcgError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)


def _headers(error: EcgError, status: int) -> dict[str, str]:
    headers = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after_s = error.retry_after_s if isinstance(error, CapacityError) else 1
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, KeyMissing | KeyRefused | ScopeMissing):
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, RequestError):
        # The rest of the body may still be coming, so the connection cannot be used again.
        headers["Connection"] = "close"
    return headers


def _challenge(error: KeyMissing | KeyRefused | ScopeMissing) -> str:
    """The kind of key that would do, in the words of RFC 6750."""
    challenge = 'Bearer realm="cardioquery"'
    if isinstance(error, KeyRefused):
        return challenge + ', error="invalid_token"'
    if isinstance(error, ScopeMissing):
        return challenge + f', error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    return challenge
