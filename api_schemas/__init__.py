"""The wire: what clients send and get. Fields may be added; none changes its name or meaning."""

from api_schemas.base import Familiarity, NearestCondition
from api_schemas.batch import NDJSON_MEDIA_TYPE, BatchDiagnosis, BatchEnd, BatchItem
from api_schemas.conditions import (
    Coding,
    Condition,
    ConditionPage,
    NewCondition,
    ReadCondition,
)
from api_schemas.diagnosis import (
    Diagnosis,
    DiagnosisWarning,
    Finding,
    Interpretation,
    MeasuredValue,
    ModelIdentity,
    RecordingSummary,
    StageTimings,
)
from api_schemas.health import Health, Readiness
from api_schemas.measurements import Beat, LeadMeasurements, Measurement, Measurements
from api_schemas.model import ModelDescription
from api_schemas.problems import PROBLEM_MEDIA_TYPE, Problem, ProblemError

__all__ = [
    "NDJSON_MEDIA_TYPE",
    "PROBLEM_MEDIA_TYPE",
    "BatchDiagnosis",
    "BatchEnd",
    "BatchItem",
    "Beat",
    "Coding",
    "Condition",
    "ConditionPage",
    "Diagnosis",
    "DiagnosisWarning",
    "Familiarity",
    "Finding",
    "Health",
    "Interpretation",
    "LeadMeasurements",
    "MeasuredValue",
    "Measurement",
    "Measurements",
    "ModelDescription",
    "ModelIdentity",
    "NearestCondition",
    "NewCondition",
    "Problem",
    "ProblemError",
    "ReadCondition",
    "Readiness",
    "RecordingSummary",
    "StageTimings",
]
