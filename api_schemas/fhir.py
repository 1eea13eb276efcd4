"""The parts of FHIR R4 (4.0.1) that an answer is made of, with the elements that it uses.

FHIR has neither nulls nor empty lists: what is not there is left out (`FhirModel.to_json`).
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

FHIR_MEDIA_TYPE = "application/fhir+json"

Item = TypeVar("Item")
NonEmpty = Annotated[tuple[Item, ...], Field(min_length=1)]


class FhirModel(BaseModel):
    """Base of all: named in camel case on the wire."""

    model_config = ConfigDict(
        frozen=True,
        allow_inf_nan=False,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
    )

    def to_json(self, indent: int | None = None) -> str:
        """As FHIR JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=indent)


class Coding(FhirModel):
    """A code of a code system."""

    system: str
    code: str
    display: str | None = None


class CodeableConcept(FhirModel):
    """A meaning, in codes, in words, or both."""

    coding: NonEmpty[Coding] | None = None
    text: str | None = None


class Identifier(FhirModel):
    """A name in a namespace."""

    system: str
    value: str


class Reference(FhirModel):
    """A reference to another resource: a relative or absolute URL, or `urn:uuid:`."""

    reference: str


class Extension(FhirModel):
    """A number or a code that FHIR's elements have no place for."""

    url: str
    value_decimal: float | None = None
    value_code: str | None = None


class Quantity(FhirModel):
    """A number with its unit, in UCUM."""

    extension: NonEmpty[Extension] | None = None
    value: float
    unit: str
    system: Literal["http://unitsofmeasure.org"] = "http://unitsofmeasure.org"
    code: str


class Annotation(FhirModel):
    """A remark for people."""

    text: str


class Meta(FhirModel):
    """What is said about a resource."""

    security: NonEmpty[Coding]


class ObservationComponent(FhirModel):
    """One value of several in an observation, or why there is none."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_boolean: bool | None = None
    data_absent_reason: CodeableConcept | None = None


class Observation(FhirModel):
    """A finding, or the measurements."""

    resource_type: Literal["Observation"] = "Observation"
    meta: Meta | None = None
    status: Literal["preliminary"] = "preliminary"
    category: NonEmpty[CodeableConcept]
    code: CodeableConcept
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    issued: str
    data_absent_reason: CodeableConcept | None = None
    note: NonEmpty[Annotation] | None = None
    method: CodeableConcept | None = None
    device: Reference
    component: NonEmpty[ObservationComponent] | None = None


class DeviceName(FhirModel):
    """What a device is called."""

    name: str
    type: Literal["model-name"] = "model-name"


class DeviceVersion(FhirModel):
    """One of a device's versions."""

    type: CodeableConcept
    value: str


class Device(FhirModel):
    """The model that answered."""

    resource_type: Literal["Device"] = "Device"
    status: Literal["active"] = "active"
    device_name: NonEmpty[DeviceName]
    version: NonEmpty[DeviceVersion]
    note: NonEmpty[Annotation]


class DiagnosticReport(FhirModel):
    """What holds the observations of one recording together."""

    resource_type: Literal["DiagnosticReport"] = "DiagnosticReport"
    meta: Meta
    status: Literal["preliminary"] = "preliminary"
    category: NonEmpty[CodeableConcept]
    code: CodeableConcept
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    issued: str
    result: NonEmpty[Reference]
    conclusion: str


class OperationOutcomeIssue(FhirModel):
    """One thing that is wrong."""

    severity: Literal["error"] = "error"
    code: Literal["invalid", "processing"]
    details: CodeableConcept
    diagnostics: str | None = None


class OperationOutcome(FhirModel):
    """Why a recording of a batch was not scored."""

    resource_type: Literal["OperationOutcome"] = "OperationOutcome"
    issue: NonEmpty[OperationOutcomeIssue]


class BundleEntry(FhirModel):
    """A resource of a bundle, under the name by which others refer to it."""

    full_url: Annotated[str, Field(pattern=r"^urn:uuid:[0-9a-f-]{36}$")]
    resource: "Device | Observation | DiagnosticReport | OperationOutcome | Bundle" = Field(
        discriminator="resource_type"
    )


class Bundle(FhirModel):
    """The answer for one recording: a device, a report and its observations.

    Of a batch: a bundle, or an outcome, for each recording in order.
    """

    resource_type: Literal["Bundle"] = "Bundle"
    identifier: Identifier
    type: Literal["collection"] = "collection"
    timestamp: str
    entry: NonEmpty[BundleEntry]
