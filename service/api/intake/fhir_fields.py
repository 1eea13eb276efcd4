"""Form fields that say whose recording it is and when it was made, for an answer in FHIR."""

import re
from dataclasses import dataclass, field
from datetime import datetime

FHIR_FIELDS = ("fhir_subject", "fhir_encounter", "fhir_effective")

_UUID = r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_REFERENCE = r"(?:https?://[^\s?#]+/)?(?:%s)/[A-Za-z0-9.-]{1,64}"
_SUBJECT = re.compile(f"{_REFERENCE % 'Patient|Group'}|{_UUID}")
_ENCOUNTER = re.compile(f"{_REFERENCE % 'Encounter'}|{_UUID}")
# FHIR's dateTime of at least a second, which has to have a zone.
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FhirContext:
    """What the request says of the recording; nothing of it is taken from the file.

    Attributes:
        subject: A reference to a patient or a group.
        encounter: A reference to an encounter.
        effective: When it was recorded, with zone, as FHIR writes it.
    """

    subject: str | None = field(default=None, repr=False)
    encounter: str | None = field(default=None, repr=False)
    effective: str | None = field(default=None, repr=False)


def subject_reference(text: str) -> str:
    """A reference to a patient or a group.

    Raises:
        ValueError: It is none.
    """
    if not _SUBJECT.fullmatch(text):
        raise ValueError("has to be a reference: Patient/ID, Group/ID, a URL of one, or urn:uuid:")
    return text


def encounter_reference(text: str) -> str:
    """A reference to an encounter.

    Raises:
        ValueError: It is none.
    """
    if not _ENCOUNTER.fullmatch(text):
        raise ValueError("has to be a reference: Encounter/ID, a URL of one, or urn:uuid:")
    return text


def time_with_zone(text: str) -> str:
    """A time with its zone, as FHIR writes it.

    Raises:
        ValueError: It is no time, or has no zone.
    """
    if not _DATE_TIME.fullmatch(text):
        raise ValueError("has to be a time with its zone, such as 2025-01-31T09:30:00+01:00")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is no time that there is") from None
    return text
