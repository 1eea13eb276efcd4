"""The settings of the extraction by a language model; part of a run's YAML."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

Mode = Literal["json_schema", "json_object_schema", "json_object", "prompt_only"]
MODES: tuple[Mode, ...] = get_args(Mode)
_RESERVED = {"model", "messages", "response_format", "stream", "n"}


class LlmConfig(BaseModel):
    """How the endpoint is asked.

    Attributes:
        base_url: Up to and with `/v1`. Reports are patient data: they go where this points.
        model: The endpoint's name for the model.
        api_key_env: Environment variable that holds the key; none for an endpoint without keys.
        prompt: TOML file with instructions and examples; the shipped one unless given. An
            endpoint's words on a fault may quote it, so its examples must be no patient's.
        structured_output: How the endpoint is told the form of the answer: by a JSON schema as
            OpenAI has it, by one inside of `json_object` (llama.cpp, llama-cpp-python), as "some
            JSON", or in the prompt alone. `auto` finds out once a run, in this order. Every
            answer is validated anyway.
        temperature: 0 gives the same answer again, as far as the endpoint does.
        max_answer_tokens: A longer answer is cut off, and counts as truncated.
        token_limit_field: The endpoint's name for that limit.
        extra: More fields for each request, for example `seed`.
        concurrency: Requests under way at the same time.
        timeout_s: Longest wait for one answer.
        max_attempts: Most tries of one report when the endpoint fails; the first counts.
        max_answers: Most answers to one report that are not what was asked for.
        backoff_s: Longest wait before the second try; it doubles with each further one, and
            the real wait is a random part of it.
        max_backoff_s: Longest wait between two tries. An endpoint that asks for a longer one
            fails the report.
        max_failures_in_a_row: After so many reports that the endpoint did not answer, or refused,
            the fault counts as one that all share, and the run stops.
        price_per_million_prompt_tokens: For the costs, in the unit of your choice.
        price_per_million_answer_tokens: The same for what is generated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    model: Annotated[str, Field(min_length=1)]
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    prompt: Path | None = None
    structured_output: Mode | Literal["auto"] = "auto"
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_answer_tokens: Annotated[int, Field(ge=16)] = 1024
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    extra: dict[str, JsonValue] = {}
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 16
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 6
    max_answers: Annotated[int, Field(ge=1, le=10)] = 2
    backoff_s: Annotated[float, Field(gt=0)] = 1.0
    max_backoff_s: Annotated[float, Field(gt=0)] = 60.0
    max_failures_in_a_row: Annotated[int, Field(ge=1)] = 100
    price_per_million_prompt_tokens: Annotated[float, Field(ge=0)] = 0.0
    price_per_million_answer_tokens: Annotated[float, Field(ge=0)] = 0.0

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must be an http or https address")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no user, password, query or fragment")
        return value.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _leaves_the_request_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_RESERVED & value.keys()):
            raise ValueError(f"extra must not set {', '.join(taken)}")
        return value

    @model_validator(mode="after")
    def _keeps_the_key_secret(self) -> "LlmConfig":
        parts = urlsplit(self.base_url)
        if self.api_key_env and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            raise ValueError("a key is sent over https, or to this machine only")
        return self

    def read_api_key(self) -> str | None:
        """The key, from the environment.

        Raises:
            ValueError: The variable that should hold it is not set.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ValueError(f"the environment variable {self.api_key_env} holds no key")
        return key

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """What so many tokens cost."""
        return (
            prompt_tokens * self.price_per_million_prompt_tokens
            + answer_tokens * self.price_per_million_answer_tokens
        ) / 1e6


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
