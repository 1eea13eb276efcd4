"""The Python client and the command line."""

from cardioquery.client import (
    AccessDenied,
    AsyncClient,
    CardioQueryError,
    Client,
    Conflict,
    InvalidInput,
    NotFound,
    RecordingFileError,
    RequestTimedOut,
    RetryPolicy,
    ServiceBusy,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
    UnexpectedAnswer,
)

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "CardioQueryError",
    "Client",
    "Conflict",
    "InvalidInput",
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
