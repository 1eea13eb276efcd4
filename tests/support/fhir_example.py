"""The example of docs/use/fhir.md: `python -m tests.support.fhir_example` prints it.

Made of the example answer of the API's own documentation; identities, times and all measurements
but two are cut.
"""

import json
import re
import sys
from typing import Any

from api_schemas.diagnosis import EXAMPLE, Diagnosis
from api_schemas.fhir import Coding
from ecg_core.conditions.naming import SNOMED_CT, naming_codes
from service.api.answers.fhir import bundle
from service.api.intake.fhir_fields import FhirContext

_MEASUREMENTS_SHOWN = ("heart_rate", "pr_interval")
_UUID = re.compile(r"urn:uuid:[0-9a-f-]{36}")
_NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


def example() -> str:
    """The bundle as JSON."""
    code = naming_codes()["atrial-fibrillation"]
    codings = [(Coding(system=SNOMED_CT, code=code),)]
    context = FhirContext(subject="Patient/example", effective="2025-01-31T09:30:00+01:00")
    made: dict[str, Any] = json.loads(
        bundle(Diagnosis.model_validate(EXAMPLE), codings, context).to_json()
    )
    measurements = made["entry"][2]["resource"]
    measurements["component"] = [
        part
        for part in measurements["component"]
        if part["code"]["coding"][-1]["code"] in _MEASUREMENTS_SHOWN
    ]
    text = json.dumps(made, indent=1)
    for number, url in enumerate(dict.fromkeys(_UUID.findall(text)), start=1):
        text = text.replace(url, f"urn:uuid:00000000-0000-4000-8000-{number:012}")
    return _NOW.sub("2025-01-31T08:31:02.120+00:00", text)


if __name__ == "__main__":
    sys.stdout.write(example() + "\n")
