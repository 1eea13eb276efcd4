"""From a form's parts to files and a `Question`; all faults of its fields at once."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import units_per_mv
from ecg_core.readers import StatedFacts, UploadedFile
from service.api.intake.fhir_fields import (
    FHIR_FIELDS,
    FhirContext,
    encounter_reference,
    subject_reference,
    time_with_zone,
)
from service.engine.diagnosis import Question
from service.errors import UnreadableRequest

RECORDING_FIELD = "recording"
QUERIES_FIELD = "queries"
SINGLE_FIELDS = (
    "top_k",
    "sampling_rate_hz",
    "units",
    "lead_order",
    "allow_missing_leads",
    *FHIR_FIELDS,
)
MAX_FILES = 8

_STATED_UNITS = ("mv", "uv", "\u00b5v", "\u03bcv")  # the micro sign, the Greek letter
_TRUTH = {"true": True, "false": False}
_MAX_FIELD_CHARACTERS = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; `file_name` is None for a plain field."""

    name: str = field(repr=False)
    file_name: str | None = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The content of a plain field.

        Raises:
            UnreadableRequest: It is not UTF-8.
        """
        try:
            return self.content.decode()
        except UnicodeDecodeError as error:
            raise UnreadableRequest from error


@dataclass(frozen=True, slots=True)
class DiagnosisForm:
    """The contents of an upload.

    Attributes:
        files: Those of one recording, or of all recordings of a batch.
        question: What is asked.
        faults: What is wrong with the form's fields.
        fhir: What an answer in FHIR says of whose recording it is.
    """

    files: tuple[UploadedFile, ...] = field(repr=False)
    question: Question
    faults: tuple[Fault, ...] = ()
    fhir: FhirContext = field(default_factory=FhirContext)


def diagnosis_form(
    parts: Iterable[Part], max_files: int = MAX_FILES, no_fhir: str | None = None
) -> DiagnosisForm:
    """The form that its parts make, with all faults of its fields.

    Args:
        parts: Its parts, in order.
        max_files: Most files.
        no_fhir: Why the fields that belong to an answer in FHIR have no place here, if so: what
            would be without effect is refused.
    """
    form = _Form(max_files, no_fhir)
    for part in parts:
        form.take(part)
    return form.read()


class _Form:
    """Sorts a form's parts by field, and notes what is wrong with them."""

    def __init__(self, max_files: int, no_fhir: str | None) -> None:
        self._max_files = max_files
        self._no_fhir = no_fhir
        self._files: list[UploadedFile] = []
        self._queries: list[str] = []
        self._values: dict[str, str] = {}
        self._faults: list[Fault] = []

    def take(self, part: Part) -> None:
        """Put one part where it belongs."""
        if part.name == RECORDING_FIELD:
            self._take_file(part)
        elif part.file_name is not None:
            self._refuse("only `recording` takes files")
        elif part.name == QUERIES_FIELD:
            self._queries.append(part.text)
        elif part.name not in SINGLE_FIELDS:
            fields = ", ".join((RECORDING_FIELD, QUERIES_FIELD, *SINGLE_FIELDS))
            self._refuse(f"the form has a field that is none of: {fields}")
        elif part.name in self._values:
            self._refuse("given more than once", part.name)
        elif part.name in FHIR_FIELDS and self._no_fhir is not None:
            self._refuse(self._no_fhir, part.name)
        else:
            self._values[part.name] = part.text.strip()

    def read(self) -> DiagnosisForm:
        """The form, once all parts are taken."""
        if not self._files:
            self._refuse("send a recording's files", RECORDING_FIELD)
        stated = StatedFacts(
            sampling_rate_hz=self._parsed("sampling_rate_hz", _positive_number),
            units_per_mv=self._parsed("units", _units_per_mv),
            lead_order=self._parsed("lead_order", _lead_order),
        )
        top_k = self._parsed("top_k", _positive_integer)
        allow_missing_leads = self._parsed("allow_missing_leads", _truth) or False
        question = Question(tuple(self._queries), stated, top_k, allow_missing_leads)
        fhir = FhirContext(
            subject=self._parsed("fhir_subject", subject_reference),
            encounter=self._parsed("fhir_encounter", encounter_reference),
            effective=self._parsed("fhir_effective", time_with_zone),
        )
        return DiagnosisForm(tuple(self._files), question, tuple(self._faults), fhir)

    def _take_file(self, part: Part) -> None:
        if part.file_name is None:
            self._refuse("has to be a file, with a file name", RECORDING_FIELD)
        elif len(self._files) >= self._max_files:
            self._refuse(f"at most {self._max_files} files are taken", RECORDING_FIELD)
        else:
            self._files.append(UploadedFile(part.file_name, part.content))

    def _parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        if name not in self._values:
            return None
        try:
            if len(self._values[name]) > _MAX_FIELD_CHARACTERS:
                raise ValueError("is too long")
            return parse(self._values[name])
        except ValueError as error:
            self._refuse(str(error), name)
            return None

    def _refuse(self, detail: str, field: str | None = None) -> None:
        fault = Fault(FaultCode.INVALID_PARAMETER, detail, field=field)
        if fault not in self._faults:
            self._faults.append(fault)


def _positive_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError("has to be a positive number")
    return number


def _units_per_mv(text: str) -> float:
    known = units_per_mv(text) if text.lower() in _STATED_UNITS else None
    if known is not None:
        return known
    try:
        return _positive_number(text)
    except ValueError:
        raise ValueError("has to be mV, uV or a positive number of units per mV") from None


def _lead_order(text: str) -> tuple[str, ...]:
    names = [standard_lead_name(name) for name in text.split(",")]
    leads = tuple(name for name in names if name is not None)
    if len(leads) < len(names):
        raise ValueError("has to be lead names, separated by commas: I, II, III, aVR, …, V6")
    if len(set(leads)) < len(leads):
        raise ValueError("names a lead more than once")
    return leads


def _positive_integer(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("has to be a whole number of at least 1")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError("has to be true or false")
    return _TRUTH[text.lower()]
