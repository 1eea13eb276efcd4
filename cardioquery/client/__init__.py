"""A typed client of the service, sync and async."""

from cardioquery.client.asynchronous import AsyncClient
from cardioquery.client.errors import (
    AccessDenied,
    CardioQueryError,
    Conflict,
    InvalidInput,
    InvalidServiceUrl,
    NotFound,
    RecordingFileError,
    RequestTimedOut,
    ServiceBusy,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
    UnexpectedAnswer,
)
from cardioquery.client.retries import RetryPolicy
from cardioquery.client.synchronous import Client

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "CardioQueryError",
    "Client",
    "Conflict",
    "InvalidInput",
    "InvalidServiceUrl",
    "NotFound",
    "RecordingFileError",
    "RequestTimedOut",
    "RetryPolicy",
    "ServiceBusy",
    "ServiceFailed",
    "ServiceProblem",
    "ServiceUnreachable",
    "UnexpectedAnswer",
]
