"""One table: domain error -> (status, problem type). Every error leaves as problem+json."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api_schemas import PROBLEM_MEDIA_TYPE, Problem, ProblemError
from ecg_core.errors import (
    BuiltInCondition,
    CapacityError,
    ConditionError,
    ConditionNotFound,
    DeadlineExceeded,
    DiskUnavailable,
    EcgError,
    Fault,
    FaultCode,
    InferenceFailed,
    InputError,
    InvalidBundle,
    InvalidQuery,
    ModelError,
    ModelNotReady,
    Overloaded,
    RecordingTooLarge,
    UnreadableRecording,
    UnsupportedFormat,
    UnusableRecording,
)
from service.access.errors import (
    AccessError,
    KeyMissing,
    KeyRefused,
    RateLimited,
    ScopeMissing,
)
from service.faults import (
    InvalidParameter,
    RequestError,
    UnreadableRequest,
    UnsupportedMediaType,
    UploadTimedOut,
    UploadTooLarge,
)
from service.idempotency.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from service.inference.protocols import ProviderUnavailable
from service.queries.store import StoreUnavailable

_NOT_IN_SLUG = re.compile(r"[^a-z]+")
_TYPE_PREFIX = "urn:cardioquery:problem:"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: its status, the end of its `type`, and its title."""

    status: int
    slug: str
    title: str

    @property
    def uri(self) -> str:
        """The problem's `type`."""
        return _TYPE_PREFIX + self.slug


INTERNAL_ERROR = ProblemType(500, "internal-error", "Internal error")

PROBLEM_TYPES: dict[type[EcgError], ProblemType] = {
    EcgError: INTERNAL_ERROR,
    RequestError: ProblemType(400, "bad-request", "The request cannot be taken"),
    UnreadableRequest: ProblemType(400, "unreadable-request", "The request cannot be read"),
    InvalidIdempotencyKey: ProblemType(
        400, "invalid-idempotency-key", "The Idempotency-Key is not valid here"
    ),
    KeyMissing: ProblemType(401, "key-missing", "An API key is needed"),
    KeyRefused: ProblemType(401, "key-refused", "The API key is not valid"),
    AccessError: ProblemType(403, "access-refused", "Access is refused"),
    ScopeMissing: ProblemType(403, "scope-missing", "The API key is not good for this"),
    UploadTimedOut: ProblemType(408, "upload-timed-out", "The request did not arrive in time"),
    UploadTooLarge: ProblemType(413, "upload-too-large", "The upload is too large"),
    UnsupportedMediaType: ProblemType(
        415, "unsupported-media-type", "This route does not take that content type"
    ),
    RateLimited: ProblemType(429, "rate-limited", "Too many requests of this caller"),
    InputError: ProblemType(422, "invalid-input", "The input cannot be used"),
    InvalidParameter: ProblemType(422, "invalid-parameter", "A field of the request is not valid"),
    UnsupportedFormat: ProblemType(415, "unsupported-format", "No reader for this format"),
    RecordingTooLarge: ProblemType(413, "recording-too-large", "A file is too large to be read"),
    UnreadableRecording: ProblemType(
        422, "unreadable-recording", "The recording's files are broken or inconsistent"
    ),
    UnusableRecording: ProblemType(422, "unusable-recording", "The recording cannot be scored"),
    InvalidQuery: ProblemType(422, "invalid-query", "A query cannot be asked"),
    ConditionError: ProblemType(409, "condition-conflict", "Not possible with this condition"),
    ConditionNotFound: ProblemType(404, "condition-not-found", "No condition with this id"),
    BuiltInCondition: ProblemType(
        409, "built-in-condition", "A built-in condition cannot be removed"
    ),
    CapacityError: ProblemType(503, "busy", "The service is busy"),
    Overloaded: ProblemType(503, "overloaded", "Too many requests are waiting"),
    DiskUnavailable: ProblemType(503, "disk-unavailable", "No room for a file that is read"),
    IdempotencyKeyReused: ProblemType(
        422, "idempotency-key-reused", "The Idempotency-Key belongs to another request"
    ),
    IdempotencyKeyInUse: ProblemType(
        409, "idempotency-key-in-use", "The first request with this Idempotency-Key is under way"
    ),
    StoreUnavailable: ProblemType(
        503, "store-unavailable", "The store of conditions does not answer"
    ),
    DeadlineExceeded: ProblemType(504, "deadline-exceeded", "The deadline has passed"),
    ModelError: ProblemType(500, "model-error", "Internal error"),
    ModelNotReady: ProblemType(503, "model-not-ready", "The model is not ready"),
    InvalidBundle: ProblemType(503, "invalid-bundle", "The model's bundle is not valid"),
    ProviderUnavailable: ProblemType(
        503, "provider-unavailable", "The execution provider is not active"
    ),
    InferenceFailed: ProblemType(500, "inference-failed", "Internal error"),
}


def problem_type(error: type[EcgError]) -> ProblemType:
    """The row of an error's class, or of its nearest base."""
    return next(PROBLEM_TYPES[base] for base in error.__mro__ if base in PROBLEM_TYPES)


def http_problem_type(status: int) -> ProblemType:
    """The problem of a plain HTTP error, such as 404 for an unknown path."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return INTERNAL_ERROR
    return ProblemType(status, _NOT_IN_SLUG.sub("-", phrase.lower()), phrase)


def problem_response(
    kind: ProblemType,
    request_id: str,
    faults: tuple[Fault, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as a response; what does not apply is left out."""
    return _response(_problem(kind, request_id, faults), headers)


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem of any error; what is not expected says nothing but the request's id."""
    if isinstance(error, EcgError):
        faults = error.faults if isinstance(error, InputError) else ()
        return _problem(problem_type(type(error)), request_id, faults)
    if isinstance(error, HTTPException):
        return _problem(http_problem_type(error.status_code), request_id)
    if isinstance(error, RequestValidationError):
        kind = problem_type(InvalidParameter)
        return _problem(kind, request_id, validation_faults(error.errors()))
    return _problem(INTERNAL_ERROR, request_id)


def problem_slug(problem: Problem) -> str:
    """The end of the problem's `type`."""
    return problem.type.removeprefix(_TYPE_PREFIX)


def error_response(error: Exception, request_id: str) -> Response:
    """The response to any error."""
    problem = problem_of(error, request_id)
    if isinstance(error, EcgError):
        return _response(problem, _headers(error, problem.status))
    return _response(problem, error.headers if isinstance(error, HTTPException) else None)


def _problem(kind: ProblemType, request_id: str, faults: tuple[Fault, ...] = ()) -> Problem:
    errors = [
        ProblemError(code=fault.code, detail=fault.detail, lead=fault.lead, field=fault.field)
        for fault in faults
    ]
    return Problem(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        request_id=request_id,
        errors=errors or None,
    )


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
        request.scope["state"]["error"] = error
        return error_response(error, request.state.request_id)

    for kind in (EcgError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)


def _headers(error: EcgError, status: int) -> dict[str, str]:
    headers = {}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.CONFLICT) and not isinstance(
        error, ConditionError
    ):
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
    """What kind of key would do, in the words of RFC 6750."""
    challenge = 'Bearer realm="cardioquery"'
    if isinstance(error, KeyRefused):
        return challenge + ', error="invalid_token"'
    if isinstance(error, ScopeMissing):
        return challenge + f', error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    return challenge
