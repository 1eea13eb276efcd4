"""JSON bodies: what `json` lets through is stricter here, and faults are told by field."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from ecg_core.strict_json import parse_json
from service.api.error_responses import validation_faults
from service.api.intake.bodies import IncomingBody
from service.errors import InvalidParameter, UnreadableRequest, UnsupportedMediaType
from service.runtime.upload_budget import BudgetShare

MAX_JSON_BYTES = 256 * 1024

Model = TypeVar("Model", bound=BaseModel)


async def read_json(
    request: Request, model: type[Model], seconds: float, share: BudgetShare
) -> Model:
    """The request's body as `model`.

    Raises:
        RequestError: The body is too large, too slow, or no JSON.
        InvalidParameter: It is JSON, but not what the model asks for.
    """
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    body = IncomingBody(request, MAX_JSON_BYTES, share)
    async with body.arriving_within(seconds) as chunks:
        if kind != b"application/json":
            raise UnsupportedMediaType
        document = _parsed(await _joined(chunks))
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = validation_faults(error.errors(include_url=False, include_input=False))
        raise InvalidParameter(faults) from None


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _parsed(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError as error:
        raise UnreadableRequest from error
