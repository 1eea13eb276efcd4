"""Additions to the OpenAPI that FastAPI finds out: problems, and the form of an upload."""

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api_schemas import (
    NDJSON_MEDIA_TYPE,
    PROBLEM_MEDIA_TYPE,
    BatchEnd,
    NewCondition,
    Problem,
)
from api_schemas.fhir import FHIR_MEDIA_TYPE
from ecg_core.errors import EcgError
from service.access.keys import Scope
from service.api.guards import Guard
from service.api.intake.fhir_fields import FHIR_FIELDS
from service.api.problems import (
    INTERNAL_ERROR,
    PROBLEM_TYPES,
    ProblemType,
    http_problem_type,
    problem_type,
)
from service.errors import InvalidParameter, KeyMissing, KeyRefused, RateLimited, ScopeMissing

_TITLE = "CardioQuery"
_DESCRIPTION = (
    "Zero-shot 12-lead ECG diagnosis by free-text queries. Research use only; not a medical "
    "device. Every error is an RFC 9457 problem."
)
_JSON = "application/json"
_SCHEMAS = "#/components/schemas/{model}"
_SECURITY_SCHEME = "apiKey"
_PROBLEM_REFERENCE = {"$ref": "#/components/schemas/Problem"}

Guards = Mapping[tuple[str, str], Guard]

DIAGNOSE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["recording"],
                "additionalProperties": False,
                "properties": {
                    "recording": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                        "description": "One recording: a WFDB pair (`.hea` with its `.dat` or "
                        "`.mat`), a DICOM ECG, an EDF file, one `.csv`, or a `.zip` of one.",
                    },
                    "queries": {
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                        "description": "Free-text conditions, one each; the same text twice is "
                        "answered once. None: every registered condition.",
                        "example": ["atrial fibrillation", "LBBB", "acute inferior STEMI"],
                    },
                    "top_k": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "Return only the k most probable.",
                    },
                    "sampling_rate_hz": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "description": "For a CSV that has no time column. Never guessed.",
                    },
                    "units": {
                        "type": "string",
                        "description": "`mV`, `uV` or a number of units per mV, for a CSV whose "
                        "header does not say.",
                        "example": "uV",
                    },
                    "lead_order": {
                        "type": "string",
                        "description": "Comma-separated lead names, for a CSV without a header.",
                        "example": "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6",
                    },
                    "allow_missing_leads": {
                        "type": "boolean",
                        "description": "Score with the leads that are there and say so; else a "
                        "recording that lacks leads is refused. Limb leads that others give are "
                        "derived.",
                    },
                    "fhir_subject": {
                        "type": "string",
                        "description": "Whose recording it is, for an answer in FHIR: a reference "
                        "to a patient or a group.",
                        "example": "Patient/example",
                    },
                    "fhir_encounter": {
                        "type": "string",
                        "description": "A reference to an encounter, for an answer in FHIR.",
                        "example": "Encounter/example",
                    },
                    "fhir_effective": {
                        "type": "string",
                        "format": "date-time",
                        "description": "When it was recorded, with its zone, for an answer in "
                        "FHIR. Never taken from the file.",
                    },
                },
            },
            # A part each. Without it, Swagger UI joins them by commas, and so makes one query.
            "encoding": {
                "recording": {"style": "form", "explode": True},
                "queries": {"style": "form", "explode": True},
            },
        }
    },
}
BATCH_BODY: dict[str, Any] = deepcopy(DIAGNOSE_BODY)
_batch_form = BATCH_BODY["content"]["multipart/form-data"]["schema"]["properties"]
_batch_form["recording"]["description"] = (
    "One `.zip` of all recordings, or the files of all of them: each `.hea` with the signal file "
    "of the same name in the same folder, each other file and, among other files, each `.zip` is "
    "one recording. File names may hold folders."
)
for _field in FHIR_FIELDS:
    del _batch_form[_field]
_FHIR_BUNDLE: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["resourceType", "type", "entry"],
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "collection"},
            "entry": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
        "externalDocs": {"url": "http://hl7.org/fhir/R4/bundle.html"},
    }
}
# Other forms of the answer; JSON is described by its model.
DIAGNOSE_ANSWERS: dict[str, Any] = {
    "description": "Findings in order; in FHIR R4 a bundle of a device, a report, measurements and "
    "an observation for each finding.",
    "content": {FHIR_MEDIA_TYPE: _FHIR_BUNDLE},
}
BATCH_ANSWERS: dict[str, Any] = {
    "description": "One answer for each recording, in order; as NDJSON a `BatchItem` a line as "
    "soon as it is there, and a `BatchEnd` as the last line: without it, the answer broke off.",
    "content": {
        NDJSON_MEDIA_TYPE: {
            "schema": {
                "anyOf": [
                    {"$ref": _SCHEMAS.format(model="BatchItem")},
                    {"$ref": _SCHEMAS.format(model="BatchEnd")},
                ]
            }
        },
        FHIR_MEDIA_TYPE: _FHIR_BUNDLE,
    },
}
NEW_CONDITION_BODY: dict[str, Any] = {
    "required": True,
    "content": {_JSON: {"schema": {"$ref": _SCHEMAS.format(model="NewCondition")}}},
}
# What a condition's id is good for, so that programs can follow it.
CONDITION_LINKS: dict[str, Any] = {
    name: {
        "operationRef": f"#/paths/~1queries~1{{condition_id}}/{method}",
        "parameters": {"condition_id": "$response.body#/id"},
    }
    for name, method in (("get", "get"), ("remove", "delete"))
}


def problems(*errors: type[EcgError] | int) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that can end in these errors, or in these plain HTTP statuses."""
    by_status: dict[int, list[ProblemType]] = defaultdict(list)
    # Every route refuses a query string that it does not know.
    for error in (*errors, InvalidParameter):
        kind = http_problem_type(error) if isinstance(error, int) else problem_type(error)
        by_status[kind.status].append(kind)
    by_status[INTERNAL_ERROR.status].append(INTERNAL_ERROR)
    return {status: _response(kinds) for status, kinds in sorted(by_status.items())}


def describe(app: FastAPI, guards: Guards, *, keyed: bool) -> None:
    """Let the app's OpenAPI show every error as problem+json, and what each route asks for.

    Args:
        app: The application.
        guards: The guard of each path and method.
        keyed: Whether keys are asked for.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=_TITLE, version=app.version, description=_DESCRIPTION, routes=app.routes
            )
            app.openapi_schema = _with_access(_with_problems(schema), guards, keyed=keyed)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _response(kinds: list[ProblemType]) -> dict[str, Any]:
    lines = dict.fromkeys(f"`{kind.uri}`: {kind.title}" for kind in kinds)
    return {"model": Problem, "description": "\n\n".join(lines)}


def _with_problems(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema["components"]["schemas"]
    for name, definition in _named_models().items():
        schemas.setdefault(name, definition)
    known = sorted({kind.uri for kind in PROBLEM_TYPES.values()})
    schemas["Problem"]["properties"]["type"]["examples"] = known
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"] = _problem_responses(operation["responses"])
    # FastAPI's own form of an error is never sent.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return schema


def _named_models() -> dict[str, Any]:
    """Models that only our own parts of the document name, and what they are made of."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (NewCondition, "validation"),
        (BatchEnd, "serialization"),
    ]
    _, definitions = models_json_schema(models, ref_template=_SCHEMAS)
    named: dict[str, Any] = definitions["$defs"]
    return named


def _with_access(schema: dict[str, Any], guards: Guards, *, keyed: bool) -> dict[str, Any]:
    refusals = {
        str(status): {
            "description": response["description"],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM_REFERENCE}},
        }
        for status, response in problems(KeyMissing, KeyRefused, ScopeMissing, RateLimited).items()
    }
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            scopes = guards[path, method.upper()].any_of
            if scopes:
                operation["responses"] = refusals | operation["responses"]
            if scopes and keyed:
                good = (*scopes, Scope.ADMIN)
                operation["security"] = [{_SECURITY_SCHEME: [scope.value]} for scope in good]
    if keyed:
        schemes = {
            _SECURITY_SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "API key"}
        }
        schema["components"]["securitySchemes"] = schemes
    return schema


def _problem_responses(responses: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for status, response in responses.items():
        content: dict[str, Any] = next(iter(response.get("content", {}).values()), {})
        reference = content.get("schema", {}).get("$ref", "")
        if reference.endswith("/Problem"):
            kept[status] = response | {"content": {PROBLEM_MEDIA_TYPE: content}}
        elif not reference.endswith("/HTTPValidationError"):
            kept[status] = response
    return kept
