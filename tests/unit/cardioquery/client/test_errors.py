import httpx
import pytest

from api_schemas import Problem, ProblemError
from cardioquery.client import errors

PROBLEM = Problem(
    type="urn:cardioquery:problem:unusable-recording",
    title="The recording cannot be scored",
    status=422,
    request_id="R1",
    errors=[
        ProblemError(code="missing_lead", lead="V3", detail="V3 is not there"),
        ProblemError(code="invalid_parameter", field="units", detail="has to be mV"),
    ],
)


def make_response(status: int, **changes: object) -> httpx.Response:
    problem = PROBLEM.model_copy(update={"status": status} | changes)
    return httpx.Response(status, text=problem.model_dump_json())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.AccessDenied),
        (403, errors.AccessDenied),
        (404, errors.NotFound),
        (405, errors.ServiceFailed),
        (409, errors.Conflict),
        (413, errors.InvalidInput),
        (415, errors.InvalidInput),
        (422, errors.InvalidInput),
        (429, errors.ServiceBusy),
        (500, errors.ServiceFailed),
        (503, errors.ServiceBusy),
        (504, errors.ServiceBusy),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[errors.ServiceProblem]) -> None:
    error = errors.service_problem(make_response(status))
    assert type(error) is kind
    assert error.problem.status == status


def test_message_names_every_fault() -> None:
    message = str(errors.service_problem(make_response(422)))
    assert "The recording cannot be scored (422)" in message
    assert "missing_lead [V3]: V3 is not there" in message
    assert "invalid_parameter [units]: has to be mV" in message


def test_body_that_is_no_problem_is_an_unexpected_answer() -> None:
    error = errors.service_problem(httpx.Response(502, text="<html>bad gateway</html>"))
    assert type(error) is errors.UnexpectedAnswer
    assert "html" not in str(error)


@pytest.mark.parametrize(
    ("stated", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)]
)
def test_retry_after_is_read_in_seconds_only(stated: str, seconds: float | None) -> None:
    assert errors.retry_after_s(httpx.Response(503, headers={"Retry-After": stated})) == seconds


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), errors.ServiceUnreachable),
        (httpx.ReadError(""), errors.ServiceUnreachable),
        (httpx.RemoteProtocolError("closed"), errors.ServiceUnreachable),
        (httpx.UnsupportedProtocol("no protocol"), errors.ServiceUnreachable),
        (httpx.ReadTimeout("late"), errors.RequestTimedOut),
    ],
)
def test_errors_of_the_transport_are_ours(
    error: httpx.HTTPError, kind: type[errors.CardioQueryError]
) -> None:
    assert type(errors.transport_error(error)) is kind
