"""The prompt: instructions and examples from a TOML file."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from model_training.entities.llm.answers import Answer, Finding, answer_schema, ground

Message = Mapping[str, str]


class Example(BaseModel):
    """A report and what should be read in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: Annotated[str, Field(min_length=1)]
    findings: tuple[Finding, ...]


class Prompt(BaseModel):
    """The content of a prompt file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: Annotated[str, Field(min_length=1)]
    example: tuple[Example, ...] = ()

    def messages(self, report: str) -> list[Message]:
        """The messages that ask for the findings of a report."""
        messages: list[Message] = [{"role": "system", "content": self._system()}]
        for example in self.example:
            answer = Answer(findings=example.findings).model_dump_json()
            messages.append({"role": "user", "content": example.report})
            messages.append({"role": "assistant", "content": answer})
        return [*messages, {"role": "user", "content": report}]

    def _system(self) -> str:
        # For endpoints that are not given the schema, or do not heed it.
        schema = json.dumps(answer_schema(), separators=(",", ":"))
        return f"{self.instructions.strip()}\n\nJSON schema of the answer: {schema}"


def load_prompt(path: Path | None = None) -> Prompt:
    """Read a prompt file; the shipped one unless a path is given.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not valid TOML, lacks something, or an example's evidence does not stand
            in its report.
    """
    shipped = resources.files(__package__).joinpath("prompt.toml")
    text = path.read_text(encoding="utf-8") if path else shipped.read_text(encoding="utf-8")
    prompt = Prompt.model_validate(tomllib.loads(text))
    for number, example in enumerate(prompt.example, start=1):
        if ground(Answer(findings=example.findings), example.report)[1]:
            raise ValueError(f"the evidence of example {number} does not stand in its report")
    return prompt


def request_digest(prompt: Prompt, parameters: Mapping[str, Any]) -> str:
    """SHA-256 of all that is asked but the report: prompt, schema, parameters."""
    asked = [prompt.messages(""), dict(parameters)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
