"""The client's errors, drawn as a tree.

::

    CardioQueryError
    ├ RecordingFileError      a local file that is not there, or a header without its signal file
    ├ InvalidServiceUrl       no address that requests could be sent to
    ├ ServiceUnreachable      no connection, or it broke
    ├ RequestTimedOut         no answer in time
    ├ UnexpectedAnswer        an answer that is not of this service's contract
    └ ServiceProblem          the service's own word; `problem` holds all of it
       ├ InvalidInput         400, 408, 413, 415, 422: every fault stands in `problem.errors`
       ├ AccessDenied         401, 403
       ├ NotFound             404
       ├ Conflict             409
       ├ ServiceBusy          429, 503, 504; `retry_after_s` where the service says it
       └ ServiceFailed        anything else
"""

import httpx
from pydantic import ValidationError

from api_schemas import Problem


class CardioQueryError(Exception):
    """Base of every error that the client raises on purpose."""


class RecordingFileError(CardioQueryError):
    """The files of a recording cannot be put together."""


class InvalidServiceUrl(CardioQueryError):
    """The service's address is none: it lacks its scheme or its host."""


class ServiceUnreachable(CardioQueryError):
    """There is no connection to the service, or it broke."""


class RequestTimedOut(CardioQueryError):
    """The service did not answer in time."""


class UnexpectedAnswer(CardioQueryError):
    """The answer is not what the service's contract says: a proxy's page, or another version."""


class ServiceProblem(CardioQueryError):
    """The service refused or failed, and says why.

    Attributes:
        problem: Its RFC 9457 problem, with every fault.
        retry_after_s: When to try again, if it says so.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.problem = problem
        self.retry_after_s = retry_after_s
        super().__init__("\n  ".join([f"{problem.title} ({problem.status})", *_details(problem)]))


class InvalidInput(ServiceProblem):
    """The recording, a query or another field is refused."""


class AccessDenied(ServiceProblem):
    """The key is missing or unknown, or may not do this."""


class NotFound(ServiceProblem):
    """There is no such condition."""


class Conflict(ServiceProblem):
    """Not possible in this state, such as removing a built-in condition."""


class ServiceBusy(ServiceProblem):
    """Overloaded, not ready, over this client's rate limit, or out of time."""


class ServiceFailed(ServiceProblem):
    """The service has a bug; `problem.request_id` names the request in its logs."""


_KINDS: dict[int, type[ServiceProblem]] = {
    **dict.fromkeys((400, 408, 413, 415, 422), InvalidInput),
    **dict.fromkeys((401, 403), AccessDenied),
    404: NotFound,
    409: Conflict,
    **dict.fromkeys((429, 503, 504), ServiceBusy),
}


def service_problem(response: httpx.Response) -> CardioQueryError:
    """The error that an unsuccessful response stands for."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return UnexpectedAnswer(f"status {response.status_code} without a problem+json body")
    return problem_error(problem, retry_after_s(response))


def problem_error(problem: Problem, retry_after_s: float | None = None) -> ServiceProblem:
    """The error that a problem stands for."""
    return _KINDS.get(problem.status, ServiceFailed)(problem, retry_after_s)


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds of `Retry-After`; None without it, or if it is a date."""
    stated = response.headers.get("Retry-After", "")
    return float(stated) if stated.isascii() and stated.isdigit() else None


def transport_error(error: httpx.HTTPError) -> CardioQueryError:
    """Our error for one of httpx."""
    if isinstance(error, httpx.TimeoutException):
        return RequestTimedOut("no answer in time")
    if isinstance(error, httpx.UnsupportedProtocol):
        return ServiceUnreachable("the service's URL has to start with http:// or https://")
    return ServiceUnreachable(f"no connection to the service: {error or type(error).__name__}")


def _details(problem: Problem) -> list[str]:
    details = [problem.detail] if problem.detail else []
    for fault in problem.errors or []:
        about = fault.lead or fault.field
        details.append(f"{fault.code}{f' [{about}]' if about else ''}: {fault.detail}")
    return details
