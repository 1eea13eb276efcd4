import math

import pytest
from pydantic import BaseModel, ValidationError

import api_schemas as wire

WITH_EXAMPLES = [
    wire.Diagnosis,
    wire.NewCondition,
    wire.Condition,
    wire.ModelDescription,
    wire.Problem,
]


@pytest.mark.parametrize("model", WITH_EXAMPLES, ids=lambda model: model.__name__)
def test_every_example_is_valid_and_complete(model: type[BaseModel]) -> None:
    (example,) = model.model_json_schema()["examples"]
    parsed = model.model_validate(example)
    assert set(model.model_fields) - set(example) <= {"detail"}
    assert parsed.model_dump(mode="json", exclude_unset=True) == example


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1.01])
def test_a_probability_is_finite_and_between_0_and_1(value: float) -> None:
    nearest = wire.NearestCondition(id="a", name="a", similarity=1.0)
    with pytest.raises(ValidationError):
        wire.Finding(
            rank=1,
            query="a",
            condition_id=None,
            probability=value,
            calibrated=True,
            negated=False,
            familiarity="known",
            nearest_condition=nearest,
        )


@pytest.mark.parametrize(
    "fault",
    [
        {"text": ""},
        {"text": "x" * 501},
        {"text": "a", "name": ""},
        {"text": "a", "synonyms": ["b"] * 33},
        {"text": "a", "codes": [{"system": "s"}]},
        {"text": "a", "codes": [{"system": "s", "code": "c", "display": "d"}]},
        {"text": "a", "surprise": 1},
        {"text": 1},
        {"name": "a"},
    ],
)
def test_a_new_condition_with_a_fault_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        wire.NewCondition.model_validate(fault)


def test_answers_cannot_be_altered() -> None:
    health = wire.Health()
    with pytest.raises(ValidationError):
        health.status = "ok"  # type: ignore[misc]
