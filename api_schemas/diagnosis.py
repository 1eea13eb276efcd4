"""The answer of `POST /diagnose`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api_schemas.base import BaseRate, Familiarity, NearestCondition, WireModel
from api_schemas.measurements import EXAMPLE as MEASUREMENTS_EXAMPLE
from api_schemas.measurements import Measurements

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
            "matched_by": "catalogue",
            "probability": 0.93,
            "calibrated": True,
            "negated": False,
            "familiarity": "known",
            "nearest_condition": {
                "id": "atrial-fibrillation",
                "name": "atrial fibrillation",
                "similarity": 1.0,
            },
            "answerable": True,
            "reason": None,
            "interpreted_as": {
                "kind": "condition",
                "condition_id": "atrial-fibrillation",
                "name": "atrial fibrillation",
            },
            "measured": None,
            "part_of": None,
            "trained": True,
            "group": "rhythm",
            "base_rate": 0.07,
            "lift": 13.3,
        }
    ],
    "measurements": MEASUREMENTS_EXAMPLE,
    "timings_ms": {
        "parse": 6.1,
        "quality": 0.8,
        "preprocess": 1.2,
        "measure": 3.1,
        "encode": 4.8,
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


class MeasuredValue(WireModel):
    """A measurement that answers a query.

    Attributes:
        value: In its unit.
        unit: `ms`, `mV`, `/min` or `degrees`.
        uncertainty: One standard deviation, in the same unit.
    """

    value: float
    unit: str
    uncertainty: Annotated[float, Field(ge=0)]


class Interpretation(WireModel):
    """How a query, or a part of one, was read.

    Attributes:
        kind: `condition`, `sign`, `measurement`, `not`, `all_of`, `any_of`, `description` or
            `not_answerable`; what the other fields mean depends on it.
        condition_id, name: The condition; of a sign its name.
        quantity, comparator, value, upper, unit, lead: The measurement asked for; `upper` of a
            range only. Comparators: `above`, `at_least`, `below`, `at_most`, `between`, `about`
            (10 % of the value to either side).
        parts: Of `not` (one), `all_of`, `any_of` and `description`.
        weight: What a part counts in a description.
        unread: What of a description was not read, and counts by the text's embedding.
    """

    kind: Literal[
        "condition",
        "sign",
        "measurement",
        "not",
        "all_of",
        "any_of",
        "description",
        "not_answerable",
    ]
    condition_id: str | None = None
    name: str | None = None
    quantity: str | None = None
    comparator: str | None = None
    value: float | None = None
    upper: float | None = None
    unit: str | None = None
    lead: str | None = None
    parts: list["Interpretation"] | None = None
    weight: float | None = None
    unread: str | None = None


UnanswerableReason = Literal[
    "not_a_finding_of_an_ecg", "not_understood", "not_measurable", "missing_leads"
]


class Finding(WireModel):
    """The answer to one query.

    Attributes:
        rank: 1 for the most probable; null where no answer can be given: these come last.
        query: The query in the request's own words, or the condition's name if none was given.
        condition_id: The registered condition that the query names, if it names one.
        matched_by: By which kind of wording: `catalogue`, or what a caller registered
            (`registered_text`, `registered_name`, `registered_synonym`).
        probability: Of what was asked; it depends on the recording and this query only. For a
            negated query it is the complement of the condition's probability. Null where no
            answer can be given.
        calibrated: Whether the probability was calibrated on recordings with this condition, and
            that holds for a recording of these leads, this length and quality.
        negated: Whether the query denies a condition ("no atrial fibrillation").
        familiarity: Whether the model was trained on the condition, on a neighbour, or on neither;
            of several the least familiar.
        nearest_condition: The trained condition closest to the query; null for one that asks for
            signs and measurements only.
        answerable: Whether a probability can be given.
        reason: Why not.
        interpreted_as: How the query was read.
        measured: The measurement that answers the query, if it asks for one.
        part_of: Asked without queries: the id of a narrower finding that says this one already.
        trained: Whether the model was trained on the condition; null where none is named.
        group: What sort of finding the catalogue says the condition is.
        base_rate: How often what was asked is found, where that is known; of a denial the
            complement.
        lift: The probability over the base rate.
    """

    rank: Annotated[int, Field(ge=1)] | None
    query: str
    condition_id: str | None
    matched_by: (
        Literal["catalogue", "registered_text", "registered_name", "registered_synonym"] | None
    ) = None
    probability: Annotated[float, Field(ge=0, le=1)] | None
    calibrated: bool
    negated: bool
    familiarity: Familiarity
    nearest_condition: NearestCondition | None
    answerable: bool = True
    reason: UnanswerableReason | None = None
    interpreted_as: Interpretation
    measured: MeasuredValue | None = None
    part_of: str | None = None
    trained: bool | None = None
    group: str | None = None
    base_rate: BaseRate | None = None
    lift: Annotated[float, Field(ge=0)] | None = None


class StageTimings(WireModel):
    """How long each stage took, in milliseconds; the `Server-Timing` header says the same.

    Attributes:
        parse: From the uploaded bytes to millivolts.
        quality: Checking the recording.
        preprocess: Ordering, resampling, filtering, windowing.
        measure: From windows to measured signs.
        encode: From windows and signs to ECG features.
        embed_queries: From queries to query embeddings.
        fuse: From features and query embeddings to ranked probabilities.
        total: All of it, without upload and waiting.
    """

    parse: Milliseconds
    quality: Milliseconds
    preprocess: Milliseconds
    measure: Milliseconds
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
        findings: Sorted by probability, the most probable first. Without queries: trained
            conditions by probability, then others by lift, then others without a base rate by
            probability. What cannot be answered comes last.
        measurements: Intervals, axes, heights and beats, whatever was asked.
        timings_ms: How long each stage took.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    request_id: str
    model: ModelIdentity
    recording: RecordingSummary
    preprocessing: list[str]
    warnings: list[DiagnosisWarning]
    findings: list[Finding]
    measurements: Measurements
    timings_ms: StageTimings
