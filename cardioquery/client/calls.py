"""Requests, and how their answers are read: all that the sync and async clients share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from api_schemas import (
    Coding,
    Condition,
    ConditionPage,
    Diagnosis,
    ModelDescription,
    NewCondition,
    ReadCondition,
    Readiness,
)
from api_schemas.fhir import FHIR_MEDIA_TYPE
from cardioquery.client.errors import CardioQueryError, UnexpectedAnswer, service_problem
from cardioquery.client.files import RecordingFiles, recording_files

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer means.

    Attributes:
        method: Its HTTP method.
        path: Its path, under the service's URL.
        parse: The answer's value.
        body: What httpx takes as the request's body and parameters.
    """

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    body: Mapping[str, Any] = field(default_factory=dict)


def diagnose(
    recording: RecordingFiles,
    queries: Sequence[str] = (),
    top_k: int | None = None,
    sampling_rate_hz: float | None = None,
    units: str | float | None = None,
    lead_order: Sequence[str] | None = None,
    allow_missing_leads: bool = False,
) -> Call[Diagnosis]:
    """`POST /diagnose`."""
    if isinstance(queries, str):
        raise TypeError("queries has to be a list of texts, not one text")
    stated = {
        "top_k": top_k,
        "sampling_rate_hz": sampling_rate_hz,
        "units": units,
        "lead_order": None if lead_order is None else ",".join(lead_order),
        "allow_missing_leads": "true" if allow_missing_leads else None,
    }
    data: dict[str, Any] = {name: str(value) for name, value in stated.items() if value is not None}
    if queries:
        data["queries"] = list(queries)
    files = [
        ("recording", (name, content, "application/octet-stream"))
        for name, content in recording_files(recording)
    ]
    return Call("POST", "diagnose", _model(Diagnosis), {"data": data, "files": files})


def diagnose_fhir(
    plain: Call[Diagnosis],
    subject: str | None,
    encounter: str | None,
    effective: datetime | str | None,
) -> Call[dict[str, JsonValue]]:
    """The same `POST /diagnose`, answered as a FHIR bundle."""
    stated = {
        "fhir_subject": subject,
        "fhir_encounter": encounter,
        "fhir_effective": effective.isoformat() if isinstance(effective, datetime) else effective,
    }
    data = plain.body["data"] | {k: v for k, v in stated.items() if v is not None}
    body = {**plain.body, "data": data, "headers": {"Accept": FHIR_MEDIA_TYPE}}
    return Call("POST", "diagnose", _fhir_bundle, body)


def add_condition(
    text: str,
    name: str | None,
    synonyms: Sequence[str],
    codes: Sequence[tuple[str, str]],
) -> Call[Condition]:
    """`POST /queries`."""
    return Call("POST", "queries", _model(Condition), {"json": _new(text, name, synonyms, codes)})


def read_condition(text: str) -> Call[ReadCondition]:
    """`POST /queries?dry_run=true`."""
    options = {"json": _new(text, None, (), ()), "params": {"dry_run": "true"}}
    return Call("POST", "queries", _model(ReadCondition), options)


def _new(
    text: str,
    name: str | None,
    synonyms: Sequence[str],
    codes: Sequence[tuple[str, str]],
) -> dict[str, object]:
    codings = tuple(Coding.model_construct(system=system, code=code) for system, code in codes)
    # Not checked here: the service tells every fault at once, in its own words.
    new = NewCondition.model_construct(
        text=text, name=name, synonyms=tuple(synonyms), codes=codings
    )
    return new.model_dump(mode="json", exclude_none=True)


def page(limit: int, cursor: str | None) -> Call[ConditionPage]:
    """`GET /queries`."""
    parameters = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
    return Call("GET", "queries", _model(ConditionPage), {"params": parameters})


def condition(condition_id: str) -> Call[Condition]:
    """`GET /queries/{id}`."""
    return Call("GET", _path_of(condition_id), _model(Condition))


def remove_condition(condition_id: str) -> Call[None]:
    """`DELETE /queries/{id}`."""
    return Call("DELETE", _path_of(condition_id), lambda _: None)


def model() -> Call[ModelDescription]:
    """`GET /model`."""
    return Call("GET", "model", _model(ModelDescription))


def readiness() -> Call[Readiness]:
    """`GET /readyz`."""
    return Call("GET", "readyz", _model(Readiness))


def value_of(call: Call[T], response: httpx.Response) -> T:
    """The value of a call's answer.

    Raises:
        CardioQueryError: The service refused, failed, or is another one.
    """
    if response.is_success:
        return call.parse(response)
    raise _refusal(response)


def _refusal(response: httpx.Response) -> CardioQueryError:
    if response.status_code < 400:
        return UnexpectedAnswer(f"status {response.status_code}: redirects are not followed")
    return service_problem(response)


def _path_of(condition_id: str) -> str:
    if condition_id in {"", ".", ".."}:
        raise ValueError("a condition's id is not empty and no relative path")
    return f"queries/{quote(condition_id, safe='')}"


def _fhir_bundle(response: httpx.Response) -> dict[str, JsonValue]:
    """The bundle as it came: what this version does not know of is handed on as well."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    bundle = response.json() if kind == FHIR_MEDIA_TYPE else None
    if not isinstance(bundle, dict):
        raise UnexpectedAnswer("the answer is no FHIR: the service is of an older version")
    return bundle


def _model(kind: type[Model]) -> Callable[[httpx.Response], Model]:
    def parse(response: httpx.Response) -> Model:
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise UnexpectedAnswer(f"the answer is no {kind.__name__} of this version") from error

    return parse
