"""Conditions: what `POST /queries` takes and what `/queries` gives."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from api_schemas.base import BaseRate, Familiarity, NearestCondition, WireModel
from api_schemas.diagnosis import DiagnosisWarning, Interpretation

MAX_NAME_CHARACTERS = 120
MAX_TEXT_CHARACTERS = 500
MAX_SYNONYMS = 32
MAX_CODES = 32

_Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARACTERS)]
_System = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]

NEW_CONDITION_EXAMPLE: JsonDict = {
    "text": "hyperkalaemia with peaked T waves",
    "name": "hyperkalaemia",
    "synonyms": ["high potassium"],
    "codes": [{"system": "http://snomed.info/sct", "code": "14140009"}],
}
CONDITION_EXAMPLE: JsonDict = {
    "id": "hyperkalaemia-3f2a9c1d",
    **NEW_CONDITION_EXAMPLE,
    "built_in": False,
    "trained": False,
    "group": None,
    "base_rate": None,
    "familiarity": "near",
    "nearest_condition": {
        "id": "tall-t-wave",
        "name": "tall T wave",
        "similarity": 0.71,
    },
    "created_at": "2025-01-31T09:30:00Z",
}


class Coding(BaseModel):
    """A code of a terminology, as in FHIR.

    Attributes:
        system: The terminology's URI, such as `http://snomed.info/sct`.
        code: The code in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: _System
    code: _Code


class NewCondition(BaseModel):
    """A condition to register.

    Attributes:
        text: What is asked of the model; one condition, stated in the positive.
        name: A short name; the text if none is given.
        synonyms: Other wordings under which a query finds it.
        codes: Codes of terminologies, kept and handed back.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [NEW_CONDITION_EXAMPLE]}
    )

    text: _Text
    name: _Name | None = None
    synonyms: Annotated[tuple[_Name, ...], Field(max_length=MAX_SYNONYMS)] = ()
    codes: Annotated[tuple[Coding, ...], Field(max_length=MAX_CODES)] = ()


class Condition(WireModel):
    """A registered condition, built in or added.

    Attributes:
        id: Names it in `/queries/{id}` and in findings.
        name: Its short name.
        text: What is asked of the model.
        synonyms: Other wordings under which a query finds it.
        codes: Codes of terminologies.
        built_in: Whether it belongs to the catalogue, and so cannot be removed.
        familiarity: Whether the model was trained on it, on a neighbour, or on neither.
        nearest_condition: The trained condition closest to it.
        created_at: When it was registered (UTC); null for a built-in condition.
        trained: Whether the model was trained on it; any other condition follows from its signs,
            is never calibrated, and stands in the second part of a list that nobody asked for.
        group: What sort of finding the catalogue says it is; null for one that was registered.
        base_rate: How often it is found, where that is known.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [CONDITION_EXAMPLE]})

    id: str
    name: str
    text: str
    synonyms: list[str]
    codes: list[Coding]
    built_in: bool
    familiarity: Familiarity
    nearest_condition: NearestCondition
    created_at: datetime | None
    # Services before these fields do not say: null there.
    trained: bool | None = None
    group: str | None = None
    base_rate: BaseRate | None = None


class ReadCondition(WireModel):
    """How a condition would be read if it were registered; nothing is stored.

    Attributes:
        interpreted_as: What its text asks for.
        warnings: What of it is not read, or read with a correction.
        existing: The condition that the text names already, if it names one.
    """

    interpreted_as: Interpretation
    warnings: list[DiagnosisWarning]
    existing: Condition | None


class ConditionPage(WireModel):
    """One page of `GET /queries`, sorted by id.

    Attributes:
        conditions: At most `limit` of them.
        next_cursor: Hand it over as `cursor` for the next page; null on the last.
    """

    conditions: list[Condition]
    next_cursor: str | None
