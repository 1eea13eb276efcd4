"""The client for asyncio: the same methods as `Client`, to be awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
from pydantic import JsonValue

from api_schemas import Condition, Diagnosis, ModelDescription, ReadCondition
from cardioquery.client import calls
from cardioquery.client.errors import (
    RequestTimedOut,
    ServiceBusy,
    ServiceUnreachable,
    transport_error,
)
from cardioquery.client.files import RecordingFiles
from cardioquery.client.options import (
    DEFAULT_TIMEOUT_S,
    DEFAULT_URL,
    PAGE_SIZE,
    DiagnosisOptions,
    base_url,
    request_headers,
)
from cardioquery.client.retries import NO_RETRIES, RetryPolicy

T = TypeVar("T")


class AsyncClient:
    """Talks to one service; an async context manager. See `Client` for its arguments."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or RetryPolicy()
        self._http = httpx.AsyncClient(
            base_url=base_url(url),
            timeout=timeout_s,
            headers=request_headers(headers, api_key),
            transport=transport,
        )

    async def diagnose(
        self,
        recording: RecordingFiles,
        *,
        queries: Sequence[str] = (),
        top_k: int | None = None,
        sampling_rate_hz: float | None = None,
        units: str | float | None = None,
        lead_order: Sequence[str] | None = None,
        allow_missing_leads: bool = False,
    ) -> Diagnosis:
        """Rank queries by their probability on one recording; see `Client.diagnose`."""
        call = await asyncio.to_thread(
            calls.diagnose,
            recording,
            queries,
            top_k,
            sampling_rate_hz,
            units,
            lead_order,
            allow_missing_leads,
        )
        return await self._send(call)

    async def diagnose_fhir(
        self,
        recording: RecordingFiles,
        *,
        subject: str | None = None,
        encounter: str | None = None,
        effective: datetime | str | None = None,
        **options: Unpack[DiagnosisOptions],
    ) -> dict[str, JsonValue]:
        """The same answer as a FHIR R4 bundle; see `Client.diagnose_fhir`."""
        call = await asyncio.to_thread(calls.diagnose, recording, **options)
        return await self._send(calls.diagnose_fhir(call, subject, encounter, effective))

    async def add_condition(
        self,
        text: str,
        *,
        name: str | None = None,
        synonyms: Sequence[str] = (),
        codes: Sequence[tuple[str, str]] = (),
    ) -> Condition:
        """Register a condition; see `Client.add_condition`."""
        return await self._send(calls.add_condition(text, name, synonyms, codes))

    async def read_condition(self, text: str) -> ReadCondition:
        """How a text would be read; see `Client.read_condition`."""
        return await self._send(calls.read_condition(text))

    async def conditions(self) -> AsyncIterator[Condition]:
        """All registered conditions, sorted by id; pages are fetched as they are needed."""
        cursor = None
        while True:
            page = await self._send(calls.page(PAGE_SIZE, cursor))
            for condition in page.conditions:
                yield condition
            if (cursor := page.next_cursor) is None:
                return

    async def condition(self, condition_id: str) -> Condition:
        """One condition, by its id."""
        return await self._send(calls.condition(condition_id))

    async def remove_condition(self, condition_id: str) -> None:
        """Remove a registered condition; those of the catalogue stay."""
        await self._send(calls.remove_condition(condition_id))

    async def model(self) -> ModelDescription:
        """The model card: training data, metrics, preprocessing, limits of use."""
        return await self._send(calls.model())

    async def ready(self) -> bool:
        """Ask whether the service is there, warm, and reaches its store. Never retries."""
        try:
            await self._send(calls.readiness(), NO_RETRIES)
        except (ServiceBusy, ServiceUnreachable, RequestTimedOut):
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _send(self, call: calls.Call[T], policy: RetryPolicy | None = None) -> T:
        policy, retries = policy or self._retries, 0
        while True:
            try:
                response = await self._http.request(call.method, call.path, **call.body)
            except httpx.HTTPError as error:
                raise transport_error(error) from error
            if (wait_s := policy.wait_s(response, retries)) is None:
                return calls.value_of(call, response)
            retries += 1
            await asyncio.sleep(wait_s)
