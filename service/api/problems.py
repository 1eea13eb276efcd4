"""One table: domain error -> (status, problem type); and which of them a route can end in."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from api_schemas import Problem, ProblemError
from ecg_core.errors import (
    BuiltInCondition,
    CapacityError,
    ConditionError,
    ConditionNotFound,
    DeadlineExceeded,
    EcgError,
    Fault,
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
from service.errors import (
    AccessError,
    ConditionIdTaken,
    ForeignRequest,
    InvalidParameter,
    KeyMissing,
    KeyRefused,
    ProviderUnavailable,
    RateLimited,
    RequestError,
    ScopeMissing,
    StoreUnavailable,
    TooManyRunning,
    UnreadableRequest,
    UnsupportedMediaType,
    UploadTimedOut,
    UploadTooLarge,
)

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
    KeyMissing: ProblemType(401, "key-missing", "An API key is needed"),
    KeyRefused: ProblemType(401, "key-refused", "The API key is not valid"),
    AccessError: ProblemType(403, "access-refused", "Access is refused"),
    ForeignRequest: ProblemType(
        403, "foreign-request", "Without API keys only programs of this machine may ask"
    ),
    ScopeMissing: ProblemType(403, "scope-missing", "The API key is not good for this"),
    UploadTimedOut: ProblemType(408, "upload-timed-out", "The request did not arrive in time"),
    UploadTooLarge: ProblemType(413, "upload-too-large", "The upload is too large"),
    UnsupportedMediaType: ProblemType(
        415, "unsupported-media-type", "This route does not take that content type"
    ),
    RateLimited: ProblemType(429, "rate-limited", "Too many requests of this caller"),
    TooManyRunning: ProblemType(
        429, "too-many-running", "Too many requests of this key have no answer yet"
    ),
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
    ConditionIdTaken: ProblemType(409, "condition-id-taken", "Another condition has this id"),
    CapacityError: ProblemType(503, "busy", "The service is busy"),
    Overloaded: ProblemType(503, "overloaded", "Too many requests are waiting"),
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

TAKING_IN: tuple[type[EcgError], ...] = (
    UnreadableRequest,
    UploadTimedOut,
    UploadTooLarge,
    UnsupportedMediaType,
    InvalidParameter,
)
"""Problems of a route with a body before it knows what the body says."""

SEVERAL_RECORDINGS: tuple[type[EcgError], ...] = (
    RecordingTooLarge,
    UnreadableRecording,
    InvalidQuery,
)
"""Problems of a batch as a whole."""

ONE_RECORDING: tuple[type[EcgError], ...] = (
    UnsupportedFormat,
    *SEVERAL_RECORDINGS,
    UnusableRecording,
    InferenceFailed,
)
"""Problems of reading and scoring one recording."""

COMPUTING: tuple[type[EcgError], ...] = (Overloaded, ModelNotReady, DeadlineExceeded)
"""Problems of every route whose work waits for a thread."""


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


def problem(kind: ProblemType, request_id: str, faults: tuple[Fault, ...] = ()) -> Problem:
    """A problem of this kind; what does not apply is left out."""
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


def domain_problem(error: EcgError, request_id: str) -> Problem:
    """The problem of one of our own errors, with all its faults."""
    faults = error.faults if isinstance(error, InputError) else ()
    return problem(problem_type(type(error)), request_id, faults)


def problem_slug(problem: Problem) -> str:
    """The end of the problem's `type`."""
    return problem.type.removeprefix(_TYPE_PREFIX)
