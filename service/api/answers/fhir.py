"""An answer as FHIR R4: a device, a report, and an observation for each finding.

What the elements mean stands in docs/use/fhir.md. An observation of a finding has no value: Present
or Absent needs an operating point, and there is none. Numbers come rounded from the wire's answer.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import api_schemas as wire
from api_schemas import fhir
from api_schemas.interpretation_text import interpretation_text
from ecg_core.conditions.naming import SNOMED_CT, naming_codes
from ecg_core.conditions.question import KnownCondition as AskedCondition
from service.api.answers.fhir_codes import (
    ELECTROCARDIAC,
    MACHINE_ASSERTED,
    PROCEDURE,
    absent_reason,
    ecg_study,
    own_code,
)
from service.api.answers.fhir_measurements import measured_component, measurement_components
from service.api.intake.fhir_fields import FhirContext
from service.engine.findings import Finding
from service.engine.queries.conditions import KnownCondition

REQUEST_ID_SYSTEM = "urn:cardioquery:request"

_PROBABILITY_DIGITS = 4
# Made once: they stand in every observation.
_PROBABILITY = own_code("probability", "probability of what was asked")
_CALIBRATED = own_code("calibrated", "whether the probability is calibrated")
_FAMILIARITY = own_code("familiarity", "how familiar the model is with what was asked")
_FAMILIARITIES = {each: own_code(each, each) for each in ("known", "near", "unseen")}

Codes = tuple[fhir.Coding, ...]


def naming_codings(finding: Finding) -> Codes:
    """Codes that name just what was asked: the catalogue's, or those of its registration.

    None for what asks for more, for less or for the absence of a condition.
    """
    condition = finding.query.condition
    if condition is None or finding.query.negated:
        return ()
    if not condition.built_in:
        return _registered_codings(condition)
    code = naming_codes().get(condition.id)
    if code is None or finding.query.asked != AskedCondition(condition.id):
        return ()
    return (fhir.Coding(system=SNOMED_CT, code=code),)


def bundle(
    answer: wire.Diagnosis, codings: Sequence[Codes], context: FhirContext | None = None
) -> fhir.Bundle:
    """The answer to `POST /diagnose` as a bundle of the type collection.

    Args:
        answer: The wire's answer.
        codings: What names each of its findings.
        context: Whose recording it is and when it was made, as the request says.
    """
    return _Builder(answer, codings, context or FhirContext()).bundle()


def outcome(problem: wire.Problem) -> fhir.OperationOutcome:
    """A recording's problem inside a batch's bundle, with every fault."""
    if not problem.errors:
        details = fhir.CodeableConcept(text=problem.title)
        issue = fhir.OperationOutcomeIssue(code="processing", details=details)
        return fhir.OperationOutcome(issue=(issue,))
    return fhir.OperationOutcome(
        issue=tuple(
            fhir.OperationOutcomeIssue(
                code="invalid",
                details=own_code(fault.code, fault.detail),
                diagnostics=fault.lead or fault.field,
            )
            for fault in problem.errors
        )
    )


def entry(resource: fhir.Bundle | fhir.OperationOutcome) -> fhir.BundleEntry:
    """An entry of a batch's bundle."""
    return fhir.BundleEntry(full_url=_new_url(), resource=resource)


def now() -> str:
    """The time with its zone, as FHIR writes an instant."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class _Builder:
    """Puts one bundle together; its resources refer to the device and to one another."""

    def __init__(
        self, answer: wire.Diagnosis, codings: Sequence[Codes], context: FhirContext
    ) -> None:
        self._answer = answer
        self._codings = codings
        self._subject = _reference(context.subject)
        self._encounter = _reference(context.encounter)
        self._effective = context.effective
        self._issued = now()
        self._device_url = _new_url()
        self._device_reference = fhir.Reference(reference=self._device_url)
        self._general_notes = [w.detail if w.lead is None else f"{w.lead}: {w.detail}"
                               for w in answer.warnings if w.query is None]  # fmt: skip
        self._query_notes: dict[str, list[str]] = {}
        for warning in answer.warnings:
            if warning.query is not None:
                self._query_notes.setdefault(warning.query, []).append(warning.detail)

    def bundle(self) -> fhir.Bundle:
        pairs = zip(self._answer.findings, self._codings, strict=True)
        observations = [self._measurements(), *(self._finding(*pair) for pair in pairs)]
        entries = [
            fhir.BundleEntry(full_url=_new_url(), resource=observation)
            for observation in observations
        ]
        report = self._report([each.full_url for each in entries])
        device = fhir.BundleEntry(full_url=self._device_url, resource=self._device())
        return fhir.Bundle(
            identifier=fhir.Identifier(system=REQUEST_ID_SYSTEM, value=self._answer.request_id),
            timestamp=self._issued,
            entry=(device, fhir.BundleEntry(full_url=_new_url(), resource=report), *entries),
        )

    def _device(self) -> fhir.Device:
        model = self._answer.model
        versions = (("version", model.version), ("digest", model.digest))
        return fhir.Device(
            device_name=(fhir.DeviceName(name=model.name),),
            version=tuple(
                fhir.DeviceVersion(type=fhir.CodeableConcept(text=kind), value=value)
                for kind, value in versions
            ),
            note=(fhir.Annotation(text=model.intended_use),),
        )

    def _report(self, results: list[str]) -> fhir.DiagnosticReport:
        use = self._answer.model.intended_use
        said = [f"{use[:1].upper()}{use[1:]}.", "Computed by a model and reviewed by nobody."]
        said += [f"{note[:1].upper()}{note[1:]}." for note in self._general_notes]
        return fhir.DiagnosticReport(
            meta=MACHINE_ASSERTED,
            category=(ELECTROCARDIAC,),
            code=ecg_study("ECG read by a model"),
            subject=self._subject,
            encounter=self._encounter,
            effective_date_time=self._effective,
            issued=self._issued,
            result=tuple(fhir.Reference(reference=url) for url in results),
            conclusion=" ".join(said),
        )

    def _measurements(self) -> fhir.Observation:
        return self._observation(
            code=ecg_study("ECG measurements"),
            component=measurement_components(self._answer.measurements),
            notes=self._general_notes,
        )

    def _finding(self, finding: wire.Finding, codings: Codes) -> fhir.Observation:
        reason = None if finding.reason is None else absent_reason(finding.reason)
        return self._observation(
            code=fhir.CodeableConcept(coding=codings or None, text=finding.query),
            meta=MACHINE_ASSERTED,
            data_absent_reason=reason,
            method=_method(finding.interpreted_as),
            component=_components(finding),
            notes=[*self._query_notes.get(finding.query, ()), *self._general_notes],
        )

    def _observation(
        self,
        *,
        code: fhir.CodeableConcept,
        component: tuple[fhir.ObservationComponent, ...] | None,
        notes: list[str],
        meta: fhir.Meta | None = None,
        data_absent_reason: fhir.CodeableConcept | None = None,
        method: fhir.CodeableConcept | None = None,
    ) -> fhir.Observation:
        return fhir.Observation(
            meta=meta,
            category=(PROCEDURE,),
            code=code,
            subject=self._subject,
            encounter=self._encounter,
            effective_date_time=self._effective,
            issued=self._issued,
            data_absent_reason=data_absent_reason,
            note=tuple(fhir.Annotation(text=note) for note in notes) or None,
            method=method,
            device=self._device_reference,
            component=component,
        )


def _registered_codings(condition: KnownCondition) -> Codes:
    # Registration takes any text; FHIR takes a URI, and codes without needless spaces.
    return tuple(
        fhir.Coding(system=code.system, code=code.code)
        for code in condition.codes
        if not any(c.isspace() for c in code.system) and code.code == " ".join(code.code.split())
    )


def _components(finding: wire.Finding) -> tuple[fhir.ObservationComponent, ...] | None:
    if finding.probability is None:
        return None
    probability = round(finding.probability, _PROBABILITY_DIGITS)
    components = [
        fhir.ObservationComponent(
            code=_PROBABILITY,
            value_quantity=fhir.Quantity(value=probability, unit="1", code="1"),
        ),
        fhir.ObservationComponent(code=_CALIBRATED, value_boolean=finding.calibrated),
        fhir.ObservationComponent(
            code=_FAMILIARITY, value_codeable_concept=_FAMILIARITIES[finding.familiarity]
        ),
    ]
    if finding.measured is not None:
        components.append(measured_component(finding.interpreted_as, finding.measured))
    return tuple(components)


def _method(read: wire.Interpretation) -> fhir.CodeableConcept | None:
    """How the query was read, where it was."""
    if read.kind == "not_answerable":
        return None
    return fhir.CodeableConcept(text=interpretation_text(read))


def _reference(text: str | None) -> fhir.Reference | None:
    return None if text is None else fhir.Reference(reference=text)


def _new_url() -> str:
    return f"urn:uuid:{uuid4()}"
