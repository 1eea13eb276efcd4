"""What the model is to answer, and whether it did."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_training.entities.llm.errors import AnswerError, FailureKind
from model_training.entities.model import Status
from model_training.entities.rules.folding import compose

_MOST_FINDINGS = 64
_MOST_CHARACTERS = 400
_FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
Text = Annotated[str, Field(min_length=1, max_length=_MOST_CHARACTERS)]


class Finding(BaseModel):
    """One finding in the model's words.

    Attributes:
        finding: The standard English term, without words of doubt, denial or age.
        assertion: What the report says of it.
        evidence: The words of the report that say so, copied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: Text
    assertion: Status
    evidence: Text


class Answer(BaseModel):
    """All findings of one report; none is an answer too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: Annotated[tuple[Finding, ...], Field(max_length=_MOST_FINDINGS)]


@dataclass(frozen=True, slots=True)
class GroundedFinding:
    """A finding whose evidence stands in the report, from `start` to `end`, exclusive."""

    finding: str
    assertion: Status
    start: int
    end: int


def answer_schema() -> dict[str, Any]:
    """The JSON schema that the endpoint is given: closed, all fields required, no references.

    Written out, since endpoints differ in which keywords of JSON schema they take.
    """
    text = {"type": "string"}
    assertion = {"type": "string", "enum": [status.value for status in Status]}
    finding = _closed({"finding": text, "assertion": assertion, "evidence": text})
    return _closed({"findings": {"type": "array", "items": finding}})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_answer(content: str) -> Answer:
    """The answer in a message.

    Args:
        content: JSON, or JSON in a code fence.

    Raises:
        AnswerError: It is no JSON, or not of the schema; the model's words are not in it.
    """
    fenced = _FENCED.fullmatch(content)
    try:
        data = json.loads(fenced[1] if fenced else content)
    except (ValueError, RecursionError) as error:
        raise AnswerError(FailureKind.NOT_JSON, f"{len(content)} characters, no JSON") from error
    try:
        return Answer.model_validate(data)
    except ValidationError as error:
        kinds = sorted({fault["type"] for fault in error.errors(include_input=False)})
        raise AnswerError(FailureKind.WRONG_SCHEMA, ", ".join(kinds)) from None


def ground(answer: Answer, report: str) -> tuple[list[GroundedFinding], int]:
    """The findings whose evidence stands in the report, and how many others there are.

    Case, the amount of white space and the form of umlauts may differ, words may not.
    """
    text, places = compose(report)
    grounded = []
    for finding in answer.findings:
        span = _place(finding.evidence, text)
        if span is not None:
            start, end = places[span[0]], places[span[1]]
            grounded.append(GroundedFinding(finding.finding, finding.assertion, start, end))
    return grounded, len(answer.findings) - len(grounded)


def _place(evidence: str, text: str) -> tuple[int, int] | None:
    words = compose(evidence)[0].split()
    if not any(character.isalnum() for word in words for character in word):
        return None
    # Whole words: "sinus" in "sinusrhythmus" is no evidence of what it is said to be.
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
    match = re.search(pattern, text, re.IGNORECASE)
    return match.span() if match else None
