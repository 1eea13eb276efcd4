"""The answer of `GET /model`."""

from pydantic import ConfigDict, JsonValue
from pydantic.config import JsonDict

from api_schemas.base import WireModel
from api_schemas.diagnosis import ModelIdentity

EXAMPLE: JsonDict = {
    "model": {
        "name": "cardioquery-minilm",
        "version": "0.1.0",
        "digest": "sha256:8c1f4a0e5d7b3c96a2f8e1d4b7c0a3f6e9d2b5c8a1f4e7d0b3c6a9f2e5d8b1c4",
        "intended_use": "research use only; not a medical device",
    },
    "preprocessing": {"sampling_rate_hz": 100.0, "window_s": 10.0},
    "text_encoder": {"name": "all-MiniLM-L6-v2", "licence": "Apache-2.0", "dimension": 384},
    "ecg_encoder": {"kind": "resnet1d", "tokens": 32, "dimension": 128},
    "calibration": {"temperature": 1.3, "bias": 0.0},
    "familiarity": {"near_similarity": 0.6},
    "trained_conditions": ["atrial-fibrillation"],
    "card": {"training_data": ["PTB-XL 1.0.3"], "metrics": {}, "limits": []},
}


class ModelDescription(WireModel):
    """The model card as JSON, and the parameters that shape every answer.

    Attributes:
        model: Which model it is.
        preprocessing: Parameters of the one preprocessing.
        text_encoder: Which text encoder embeds the queries, and its licence.
        ecg_encoder: Kind and shape of the ECG encoder.
        calibration: How a logit becomes a probability.
        familiarity: When a query counts as near a trained condition.
        trained_conditions: Ids of the conditions that the model was trained on.
        card: Training data, metrics and limits of use, as written when the bundle was made.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: ModelIdentity
    preprocessing: dict[str, JsonValue]
    text_encoder: dict[str, JsonValue]
    ecg_encoder: dict[str, JsonValue]
    calibration: dict[str, JsonValue]
    familiarity: dict[str, JsonValue]
    trained_conditions: list[str]
    card: dict[str, JsonValue]
