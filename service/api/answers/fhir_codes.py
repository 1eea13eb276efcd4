"""Codes that the FHIR answer uses, each with the code system that it is of.

Systems and codes are those of FHIR R4 (4.0.1) and of the HL7 terminology that it names; the AIAST
label is of a later release of the same code system. No standard code was found for a model's
probability: those codes are this project's own.
"""

from api_schemas.diagnosis import UnanswerableReason
from api_schemas.fhir import CodeableConcept, Coding, Meta

OWN_SYSTEM = "urn:cardioquery:codes"
LOINC = "http://loinc.org"
DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

_ECG_STUDY = "11524-6"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

PROCEDURE = CodeableConcept(
    coding=(Coding(system=f"{_TERMINOLOGY}/observation-category", code="procedure"),)
)
ELECTROCARDIAC = CodeableConcept(coding=(Coding(system=f"{_TERMINOLOGY}/v2-0074", code="EC"),))
# "Artificial Intelligence asserted".
MACHINE_ASSERTED = Meta(
    security=(Coding(system=f"{_TERMINOLOGY}/v3-ObservationValue", code="AIAST"),)
)

_STANDARD_REASONS: dict[UnanswerableReason, str] = {
    "not_a_finding_of_an_ecg": "not-applicable",
    "not_understood": "unsupported",
    "not_measurable": "unknown",
    "missing_leads": "not-performed",
}
_REASON_TEXTS: dict[UnanswerableReason, str] = {
    "not_a_finding_of_an_ecg": "no finding of an ECG",
    "not_understood": "not understood",
    "not_measurable": "not measurable in this recording",
    "missing_leads": "a lead that it needs was not recorded",
}


def own_code(code: str, text: str) -> CodeableConcept:
    """A concept of this project's own code system."""
    return CodeableConcept(coding=(Coding(system=OWN_SYSTEM, code=code),), text=text)


def ecg_study(text: str) -> CodeableConcept:
    """LOINC's code of an ECG study, for what is said of the recording as a whole."""
    return CodeableConcept(coding=(Coding(system=LOINC, code=_ECG_STUDY),), text=text)


def absent_reason(reason: UnanswerableReason) -> CodeableConcept:
    """Why a finding has no answer."""
    return reason_concept(_STANDARD_REASONS[reason], reason, _REASON_TEXTS[reason])


def reason_concept(standard: str, own: str, text: str) -> CodeableConcept:
    """Why there is no value: FHIR's code, and the more precise one of this project."""
    codes = (Coding(system=DATA_ABSENT_REASON, code=standard), Coding(system=OWN_SYSTEM, code=own))
    return CodeableConcept(coding=codes, text=text)
