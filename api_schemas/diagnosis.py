"""The answer of `POST /diagnose`."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api_schemas.base import Familiarity, NearestCondition, WireModel

Milliseconds = Annotated[float, Field(ge=0)]

EXAMPLE: JsonDict = {
    "request_id": "01JD2Z6V7Q8M4T1N5R9W3X0K2C",
    "model": {
        "name": "cardioquery-minilm",
        "version": "0.1.0",
        "digest": "sha256:8c1f4a0e5d7b3c96a2f8e1d4b7c0a3f6e9d2b5c8a1f4e7d0b3c6a9f2e5d8b1c4",
        "intended_use": "research use only; not a medical device",
    },
    "recording": {
        "format": "wfdb",
        "leads": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
        "sampling_rate_hz": 500.0,
        "duration_s": 10.0,
    },
    "preprocessing": ["resampled 500 -> 100 Hz", "band-pass 0.3-45 Hz, zero phase"],
    "warnings": [
        {"code": "clipped_lead", "lead": "V3", "detail": "2 % of the samples stand at the limit"}
    ],
    "findings": [
        {
            "rank": 1,
            "query": "atrial fibrillation",
            "condition_id": "atrial-fibrillation",
            "probability": 0.93,
            "calibrated": True,
            "negated": False,
            "familiarity": "known",
            "nearest_condition": {
                "id": "atrial-fibrillation",
                "name": "atrial fibrillation",
                "similarity": 1.0,
            },
        }
    ],
    "timings_ms": {
        "parse": 6.1,
        "quality": 0.8,
        "preprocess": 1.2,
        "encode": 7.9,
        "embed_queries": 0.2,
        "fuse": 1.0,
        "total": 17.3,
    },
}


class ModelIdentity(WireModel):
    """Which model answered.

    Attributes:
        name: The bundle's name.
        version: The bundle's version.
        digest: `sha256:` and the digest of the bundle's manifest, and with it of every file.
        intended_use: What the answer may be used for.
    """

    name: str
    version: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    intended_use: str


class RecordingSummary(WireModel):
    """What was read, as it stood in the file.

    Attributes:
        format: Which reader read it.
        leads: Standard lead names in the file's order.
        sampling_rate_hz: Samples a second.
        duration_s: Length in seconds.
    """

    format: str
    leads: list[str]
    sampling_rate_hz: Annotated[float, Field(gt=0)]
    duration_s: Annotated[float, Field(gt=0)]


class DiagnosisWarning(WireModel):
    """Something that the reader of the findings should know; the recording was scored all the same.

    Attributes:
        code: What it is, for programs.
        detail: What it is, for people.
        lead: The lead concerned, if it is one.
        query: The query concerned, in the request's own words, if it is one.
    """

    code: str
    detail: str
    lead: str | None = None
    query: str | None = None


class Finding(WireModel):
    """The answer to one query.

    Attributes:
        rank: 1 for the most probable.
        query: The query in the request's own words, or the condition's name if none was given.
        condition_id: The registered condition that the query names, if it names one.
        probability: Of what was asked; it depends on the recording and this query only. For a
            negated query it is the complement of the condition's probability.
        calibrated: Whether the probability was calibrated on recordings with this condition.
        negated: Whether the query denies a condition ("no atrial fibrillation").
        familiarity: Whether the model was trained on the condition, on a neighbour, or on neither.
        nearest_condition: The trained condition closest to the query.
    """

    rank: Annotated[int, Field(ge=1)]
    query: str
    condition_id: str | None
    probability: Annotated[float, Field(ge=0, le=1)]
    calibrated: bool
    negated: bool
    familiarity: Familiarity
    nearest_condition: NearestCondition


class StageTimings(WireModel):
    """How long each stage took, in milliseconds; the `Server-Timing` header says the same.

    Attributes:
        parse: From the uploaded bytes to millivolts.
        quality: Checking the recording.
        preprocess: Ordering, resampling, filtering, windowing.
        encode: From windows to ECG features.
        embed_queries: From queries to query embeddings.
        fuse: From features and query embeddings to ranked probabilities.
        total: All of it, without upload and waiting.
    """

    parse: Milliseconds
    quality: Milliseconds
    preprocess: Milliseconds
    encode: Milliseconds
    embed_queries: Milliseconds
    fuse: Milliseconds
    total: Milliseconds


class Diagnosis(WireModel):
    """The answer of `POST /diagnose`.

    Attributes:
        request_id: Taken from `X-Request-ID` or made; also in the response's header.
        model: Which model answered.
        recording: What was read.
        preprocessing: What was done to it, in order.
        warnings: What the reader of the findings should know.
        findings: Sorted by probability, the most probable first.
        timings_ms: How long each stage took.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    request_id: str
    model: ModelIdentity
    recording: RecordingSummary
    preprocessing: list[str]
    warnings: list[DiagnosisWarning]
    findings: list[Finding]
    timings_ms: StageTimings
