"""Every error's body: RFC 9457 problem details, `application/problem+json`."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api_schemas.base import WireModel

PROBLEM_MEDIA_TYPE = "application/problem+json"

EXAMPLE: JsonDict = {
    "type": "urn:cardioquery:problem:unusable-recording",
    "title": "The recording cannot be scored",
    "status": 422,
    "request_id": "01JD2Z6V7Q8M4T1N5R9W3X0K2C",
    "errors": [
        {"code": "missing_lead", "lead": "V3", "detail": "lead V3 is neither there nor derivable"}
    ],
}


class ProblemError(WireModel):
    """One thing that is wrong with the request.

    Attributes:
        code: What is wrong, for programs; `docs/use/errors.md` lists them all.
        detail: What is wrong and what to do about it, for people; never the caller's own data.
        lead: The lead concerned, if it is one.
        field: The request's field concerned, if it is one.
    """

    code: str
    detail: str
    lead: str | None = None
    field: str | None = None


class Problem(WireModel):
    """An error. Fields that do not apply are left out.

    Attributes:
        type: Which problem; `docs/use/errors.md` lists them all.
        title: The same in words; depends on the type only.
        status: The HTTP status.
        detail: What to do about it, where there is something to say.
        request_id: Names this request in the service's logs.
        errors: Everything that is wrong with the request, at once.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str | None = None
    request_id: str
    errors: list[ProblemError] | None = None
