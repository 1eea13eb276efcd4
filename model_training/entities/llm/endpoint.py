"""One request to an OpenAI-compatible endpoint, and what its response means."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from model_training.entities.llm.answers import answer_schema
from model_training.entities.llm.config import LlmConfig
from model_training.entities.llm.errors import AnswerError, EndpointRefuses, FailureKind
from model_training.entities.llm.prompt import Message

_MOST_BYTES = 4 * 1024 * 1024
_RETRIED = {408, 409, 425, 429}
# These concern the key, the address or the model, so every other report would fail alike.
_REFUSALS = {401, 402, 403, 404, 405}


class _Usage(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class _ChatMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _ChatMessage
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A model's message and what it took.

    Attributes:
        content: The message; what it means has not been looked at.
        prompt_tokens: As the endpoint counts them; 0 if it does not say.
        answer_tokens: The same.
        error: Why the message cannot be used, if it cannot.
    """

    content: str
    prompt_tokens: int
    answer_tokens: int
    error: AnswerError | None


class Endpoint:
    """Sends requests; holds the connections and the key."""

    def __init__(self, config: LlmConfig) -> None:
        """Reads the key.

        Raises:
            ValueError: The environment holds no key although one is named.
        """
        self._config = config
        key = config.read_api_key()
        limits = httpx.Limits(max_connections=config.concurrency)
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            # Redirects are not followed: they would carry reports elsewhere.
            timeout=httpx.Timeout(config.timeout_s),
            limits=limits,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ask(self, messages: Sequence[Message]) -> Response:
        """Send one request.

        Raises:
            AnswerError: There is no message.
            EndpointRefuses: There will be none for any report.
        """
        body = request_parameters(self._config) | {"messages": list(messages)}
        url = f"{self._config.base_url}/chat/completions"
        try:
            # The client's own limit is for each read; a trickle of bytes would never reach it.
            async with asyncio.timeout(self._config.timeout_s):
                response = await self._post(url, body)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise AnswerError(FailureKind.TIMEOUT, type(error).__name__) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise AnswerError(FailureKind.CONNECTION, type(error).__name__) from error
        _check_status(response)
        return _read(response)

    async def _post(self, url: str, body: dict[str, Any]) -> httpx.Response:
        async with self._client.stream("POST", url, json=body) as streamed:
            content = bytearray()
            async for part in streamed.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise AnswerError(FailureKind.SERVER_ERROR, "the body is too large")
        headers = {k: v for k, v in streamed.headers.items() if k in ("retry-after", "location")}
        return httpx.Response(streamed.status_code, headers=headers, content=bytes(content))


def request_parameters(config: LlmConfig) -> dict[str, Any]:
    """All of a request but the messages; without address and key."""
    parameters: dict[str, Any] = {
        "model": config.model,
        "temperature": config.temperature,
        config.token_limit_field: config.max_answer_tokens,
        **config.extra,
    }
    if config.structured_output == "json_schema":
        schema = {"name": "ecg_findings", "strict": True, "schema": answer_schema()}
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif config.structured_output == "json_object":
        parameters["response_format"] = {"type": "json_object"}
    return parameters


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in _REFUSALS or response.is_redirect:
        raise EndpointRefuses(f"the endpoint answers with status {status}")
    kind = FailureKind.REJECTED
    if status in _RETRIED:
        kind = FailureKind.RATE_LIMITED
    elif status >= 500:
        kind = FailureKind.SERVER_ERROR
    retry_after_s = _seconds(response.headers.get("Retry-After"))
    raise AnswerError(kind, f"status {status}", retry_after_s)


def _seconds(header: str | None) -> float | None:
    """What a Retry-After header asks for: seconds, or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _read(response: httpx.Response) -> Response:
    try:
        completion = _Completion.model_validate_json(response.content)
    except ValidationError:
        # A proxy's error page, or half a body: the endpoint's fault, not the model's.
        raise AnswerError(FailureKind.SERVER_ERROR, "the body is no chat completion") from None
    choice, usage = completion.choices[0], completion.usage or _Usage()
    content = choice.message.content or ""
    error = None
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        error = AnswerError(FailureKind.REFUSED_BY_MODEL, "the model or a filter refused")
    elif choice.finish_reason == "length":
        error = AnswerError(FailureKind.TRUNCATED, "the answer reached the limit of tokens")
    return Response(content, usage.prompt_tokens, usage.completion_tokens, error)
