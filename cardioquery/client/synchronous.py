"""The blocking client."""

import time
from collections.abc import Iterator, Mapping, Sequence
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


class Client:
    """Talks to one service; a context manager, safe to use from several threads.

    Args:
        url: Where the service is.
        api_key: Sent with every request; by default the one in `CARDIOQUERY_API_KEY`.
        timeout_s: Longest wait for connecting, and for each piece of the answer.
        retries: When a request that the service was too busy for is sent again.
        headers: Sent with every request.
        transport: Another way to the service than a connection; for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or RetryPolicy()
        self._http = httpx.Client(
            base_url=base_url(url),
            timeout=timeout_s,
            headers=request_headers(headers, api_key),
            transport=transport,
        )

    def diagnose(
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
        """Rank queries by their probability on one recording.

        Args:
            recording: Its files: paths, or pairs of a name and its bytes. The path of a WFDB
                header alone brings the signal file beside it along.
            queries: Free-text conditions; none: every registered condition.
            top_k: Return only the k most probable.
            sampling_rate_hz: For a CSV without a time column.
            units: `mV`, `uV` or units per mV, for a CSV whose header does not say.
            lead_order: Lead names, for a CSV without a header.
            allow_missing_leads: Score a recording that lacks leads, and say so.

        Raises:
            CardioQueryError: See `cardioquery.client.errors`.
        """
        call = calls.diagnose(
            recording, queries, top_k, sampling_rate_hz, units, lead_order, allow_missing_leads
        )
        return self._send(call)

    def diagnose_fhir(
        self,
        recording: RecordingFiles,
        *,
        subject: str | None = None,
        encounter: str | None = None,
        effective: datetime | str | None = None,
        **options: Unpack[DiagnosisOptions],
    ) -> dict[str, JsonValue]:
        """The same answer as a FHIR R4 bundle, as it came; see docs/use/fhir.md.

        Args:
            recording: As of `diagnose`.
            subject: A reference to the patient: `Patient/ID`, a URL, or `urn:uuid:`.
            encounter: A reference to the encounter.
            effective: When it was recorded; with its zone.
            options: The other arguments of `diagnose`.

        Raises:
            CardioQueryError: See `cardioquery.client.errors`.
        """
        call = calls.diagnose(recording, **options)
        return self._send(calls.diagnose_fhir(call, subject, encounter, effective))

    def add_condition(
        self,
        text: str,
        *,
        name: str | None = None,
        synonyms: Sequence[str] = (),
        codes: Sequence[tuple[str, str]] = (),
    ) -> Condition:
        """Register a condition; with a text that is known, the one that exists.

        Args:
            text: What is asked of the model.
            name: A short name; the text if none is given.
            synonyms: Other wordings under which a query finds it.
            codes: Pairs of a terminology's URI and the code in it.
        """
        return self._send(calls.add_condition(text, name, synonyms, codes))

    def read_condition(self, text: str) -> ReadCondition:
        """How a text would be read if it were registered; nothing is stored."""
        return self._send(calls.read_condition(text))

    def conditions(self) -> Iterator[Condition]:
        """All registered conditions, sorted by id; pages are fetched as they are needed."""
        cursor = None
        while True:
            page = self._send(calls.page(PAGE_SIZE, cursor))
            yield from page.conditions
            if (cursor := page.next_cursor) is None:
                return

    def condition(self, condition_id: str) -> Condition:
        """One condition, by its id."""
        return self._send(calls.condition(condition_id))

    def remove_condition(self, condition_id: str) -> None:
        """Remove a registered condition; those of the catalogue stay."""
        self._send(calls.remove_condition(condition_id))

    def model(self) -> ModelDescription:
        """The model card: training data, metrics, preprocessing, limits of use."""
        return self._send(calls.model())

    def ready(self) -> bool:
        """Ask whether the service is there, warm, and reaches its store. Never retries."""
        try:
            self._send(calls.readiness(), NO_RETRIES)
        except (ServiceBusy, ServiceUnreachable, RequestTimedOut):
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, call: calls.Call[T], policy: RetryPolicy | None = None) -> T:
        policy, retries = policy or self._retries, 0
        while True:
            try:
                response = self._http.request(call.method, call.path, **call.body)
            except httpx.HTTPError as error:
                raise transport_error(error) from error
            if (wait_s := policy.wait_s(response, retries)) is None:
                return calls.value_of(call, response)
            retries += 1
            time.sleep(wait_s)
