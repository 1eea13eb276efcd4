"""The answer of `POST /diagnose/batch`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api_schemas.base import WireModel
from api_schemas.diagnosis import EXAMPLE as DIAGNOSIS_EXAMPLE
from api_schemas.diagnosis import Diagnosis
from api_schemas.problems import EXAMPLE as PROBLEM_EXAMPLE
from api_schemas.problems import Problem

NDJSON_MEDIA_TYPE = "application/x-ndjson"
MAX_NAME_CHARACTERS = 255

ITEM_EXAMPLE: JsonDict = {
    "index": 0,
    "name": "00001/rhythm.hea",
    "status": 200,
    "diagnosis": DIAGNOSIS_EXAMPLE,
}
REFUSED_EXAMPLE: JsonDict = {
    "index": 1,
    "name": "00002/rhythm.hea",
    "status": 422,
    "problem": PROBLEM_EXAMPLE,
}
END_EXAMPLE: JsonDict = {"done": True, "items": 2, "failed": 1}


class BatchItem(WireModel):
    """What came of one recording: a diagnosis, or the problem that it has by itself.

    Attributes:
        index: Its place among the batch's recordings, from 0: this is what identifies it.
        name: The path that the caller gave its header, or its only file; its first 255 characters.
        status: What `POST /diagnose` would have answered for it alone.
        diagnosis: As of `POST /diagnose`; left out where there is a problem.
        problem: Why it was not scored; left out where there is a diagnosis.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ITEM_EXAMPLE, REFUSED_EXAMPLE]})

    index: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]
    status: Annotated[int, Field(ge=200, le=599)]
    diagnosis: Diagnosis | None = None
    problem: Problem | None = None


class BatchEnd(WireModel):
    """The last line of a batch's NDJSON answer; without it, the answer broke off.

    Attributes:
        done: Always true; no other line has it.
        items: How many lines came before.
        failed: How many of them hold a problem.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [END_EXAMPLE]})

    done: Literal[True] = True
    items: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]


class BatchDiagnosis(WireModel):
    """The answer of `POST /diagnose/batch` as JSON.

    Attributes:
        request_id: Taken from `X-Request-ID` or made; also in the response's header.
        items: One for each recording, in their order.
        failed: How many of them hold a problem.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": "01JD2Z6V7Q8M4T1N5R9W3X0K2C",
                    "items": [ITEM_EXAMPLE, REFUSED_EXAMPLE],
                    "failed": 1,
                }
            ]
        }
    )

    request_id: str
    items: list[BatchItem]
    failed: Annotated[int, Field(ge=0)]
