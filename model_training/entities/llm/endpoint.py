"""One request to an OpenAI-compatible endpoint, and what its response means."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

from model_training.entities.llm.answers import answer_schema
from model_training.entities.llm.config import LlmConfig, Mode
from model_training.entities.llm.errors import AnswerError, EndpointRefuses, FailureKind
from model_training.entities.llm.prompt import Message

_MOST_BYTES = 4 * 1024 * 1024
_MOST_WORDS = 300  # characters
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
    """Sends requests; holds the connections and the key, which the first request reads."""

    def __init__(self, config: LlmConfig) -> None:
        self._config = config

    @cached_property
    def _key(self) -> str | None:
        return self._config.read_api_key()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            # Redirects are not followed: they would carry reports elsewhere.
            timeout=httpx.Timeout(self._config.timeout_s),
            limits=httpx.Limits(max_connections=self._config.concurrency),
        )

    async def close(self) -> None:
        """Close all connections."""
        if "_client" in vars(self):
            await self._client.aclose()

    async def ask(self, messages: Sequence[Message], mode: Mode) -> Response:
        """Send one request.

        Raises:
            AnswerError: There is no message.
            EndpointRefuses: There will be none for any report.
            ValueError: The environment holds no key although one is named.
        """
        body = request_parameters(self._config, mode) | {"messages": list(messages)}
        url = f"{self._config.base_url}/chat/completions"
        try:
            # The client's own limit is for each read; a trickle of bytes would never reach it.
            async with asyncio.timeout(self._config.timeout_s):
                response = await self._post(url, body)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise AnswerError(FailureKind.TIMEOUT, type(error).__name__) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise AnswerError(FailureKind.CONNECTION, type(error).__name__) from error
        words = _words(response.content, self._key)
        _check_status(response, words)
        return _read(response, words)

    async def _post(self, url: str, body: dict[str, Any]) -> httpx.Response:
        async with self._client.stream("POST", url, json=body) as streamed:
            content = bytearray()
            async for part in streamed.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise AnswerError(FailureKind.SERVER_ERROR, "the body is too large")
        headers = {k: v for k, v in streamed.headers.items() if k in ("retry-after", "location")}
        return httpx.Response(streamed.status_code, headers=headers, content=bytes(content))


def request_parameters(config: LlmConfig, mode: Mode | Literal["auto"]) -> dict[str, Any]:
    """All of a request but the messages; without address and key. `auto` is for digests only."""
    parameters: dict[str, Any] = {
        "model": config.model,
        "temperature": config.temperature,
        config.token_limit_field: config.max_answer_tokens,
        **config.extra,
    }
    if mode == "json_schema":
        schema = {"name": "ecg_findings", "strict": True, "schema": answer_schema()}
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif mode == "json_object_schema":
        parameters["response_format"] = {"type": "json_object", "schema": answer_schema()}
    elif mode != "prompt_only":
        parameters["response_format"] = {"type": mode}
    return parameters


def _words(body: bytes, key: str | None) -> str:
    """What an endpoint says of a fault: one line, bounded, without the key."""
    text = body.decode("utf-8", "replace")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    while isinstance(said, dict):
        said = next((said[name] for name in ("error", "message", "detail") if name in said), "")
    printable = "".join(c if c.isprintable() else " " for c in str(said))
    line = " ".join((printable.replace(key, "[key]") if key else printable).split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"


def _check_status(response: httpx.Response, words: str) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in _REFUSALS or response.is_redirect:
        raise EndpointRefuses(f"the endpoint answers with status {status}", words)
    kind = FailureKind.REJECTED
    if status in _RETRIED:
        kind = FailureKind.RATE_LIMITED
    elif status >= 500:
        kind = FailureKind.SERVER_ERROR
    retry_after_s = _seconds(response.headers.get("Retry-After"))
    raise AnswerError(kind, f"status {status}", retry_after_s, words)


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


def _read(response: httpx.Response, words: str) -> Response:
    try:
        completion = _Completion.model_validate_json(response.content)
    except ValidationError:
        # A proxy's error page, or half a body: the endpoint's fault, not the model's.
        why = "the body is no chat completion"
        raise AnswerError(FailureKind.SERVER_ERROR, why, words=words) from None
    choice, usage = completion.choices[0], completion.usage or _Usage()
    content = choice.message.content or ""
    error = None
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        error = AnswerError(FailureKind.REFUSED_BY_MODEL, "the model or a filter refused")
    elif choice.finish_reason == "length":
        error = AnswerError(FailureKind.TRUNCATED, "the answer reached the limit of tokens")
    return Response(content, usage.prompt_tokens, usage.completion_tokens, error)
