"""The domain's errors, drawn as a tree. They carry facts, never HTTP status codes.

::

    EcgError
    ├ InputError                  the caller's input; `faults` names all that is wrong with it
    │  ├ UnsupportedFormat        no reader for it
    │  ├ RecordingTooLarge        a file of it, or all of them unpacked
    │  ├ UnreadableRecording      a reader for it, but the file is broken or malicious
    │  ├ UnusableRecording        read, but not fit for scoring
    │  └ InvalidQuery             a query or a condition's text that cannot be asked
    ├ ConditionError              the registry of conditions
    │  ├ ConditionNotFound
    │  └ BuiltInCondition         a condition of the catalogue cannot be removed
    ├ CapacityError
    │  ├ Overloaded
    │  └ DeadlineExceeded
    └ ModelError
       ├ ModelNotReady
       ├ InvalidBundle            refuse to start
       └ InferenceFailed

No message holds signal data, file names, header comments or query text: those are patient data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class FaultCode(StrEnum):
    """Machine-readable reasons for refusing input. Part of the HTTP contract: never renamed."""

    # The upload as a whole
    UNSUPPORTED_FORMAT = "unsupported_format"
    INCOMPLETE_UPLOAD = "incomplete_upload"
    SEVERAL_RECORDINGS = "several_recordings"
    TOO_MANY_RECORDINGS = "too_many_recordings"
    ARCHIVE_REFUSED = "archive_refused"
    INVALID_PARAMETER = "invalid_parameter"
    CONTRADICTS_FILE = "contradicts_file"
    # The file
    MALFORMED_HEADER = "malformed_header"
    UNSUPPORTED_HEADER = "unsupported_header"
    SIGNAL_FILE_MISMATCH = "signal_file_mismatch"
    MALFORMED_TABLE = "malformed_table"
    MALFORMED_FILE = "malformed_file"
    UNSUPPORTED_CONTENT = "unsupported_content"
    LEADS_NOT_SIMULTANEOUS = "leads_not_simultaneous"
    # The recording
    MISSING_LEAD = "missing_lead"
    DUPLICATE_LEAD = "duplicate_lead"
    UNKNOWN_LEAD = "unknown_lead"
    MISSING_SAMPLING_RATE = "missing_sampling_rate"
    IMPLAUSIBLE_SAMPLING_RATE = "implausible_sampling_rate"
    UNKNOWN_UNITS = "unknown_units"
    IMPLAUSIBLE_GAIN = "implausible_gain"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NON_FINITE = "non_finite"
    FLAT_LEAD = "flat_lead"
    IMPLAUSIBLE_AMPLITUDE = "implausible_amplitude"
    # Queries
    EMPTY_QUERY = "empty_query"
    QUERY_TOO_LONG = "query_too_long"
    TOO_MANY_QUERIES = "too_many_queries"
    QUERY_CONTROL_CHARACTERS = "query_control_characters"
    QUERY_NEGATION_UNCLEAR = "query_negation_unclear"
    QUERY_AMBIGUOUS = "query_ambiguous"
    QUERY_NOT_UNDERSTOOD = "query_not_understood"
    QUERY_NOT_ANSWERABLE = "query_not_answerable"
    QUERY_CONTRADICTORY = "query_contradictory"
    SEVERAL_CONDITIONS = "several_conditions"
    WORDING_TAKEN = "wording_taken"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the input.

    Args:
        code: What is wrong, for programs.
        detail: What is wrong and what to do, for people; never the caller's own data.
        lead: The standard name of the lead concerned, if it is one.
        field: The request field concerned, if it is one.
    """

    code: FaultCode
    detail: str
    lead: str | None = None
    field: str | None = None


class EcgError(Exception):
    """Base of every error that this project raises on purpose."""


class InputError(EcgError):
    """The caller's input is refused; `faults` holds every reason at once, in order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        if not self.faults:
            raise ValueError("an input error names at least one fault")
        super().__init__("; ".join(fault.code for fault in self.faults))

    @classmethod
    def of(
        cls, code: FaultCode, detail: str, *, lead: str | None = None, field: str | None = None
    ) -> Self:
        """The error with a single fault."""
        return cls([Fault(code, detail, lead, field)])


class UnsupportedFormat(InputError):
    """No reader for this kind of file."""


class RecordingTooLarge(InputError):
    """A file of the recording is larger than what is read, as it was sent or unpacked."""


class UnreadableRecording(InputError):
    """The file is of a known format but broken, inconsistent or malicious."""


class UnusableRecording(InputError):
    """The recording was read but cannot be scored honestly."""


class InvalidQuery(InputError):
    """A query, or a condition to register, that cannot be asked."""


class ConditionError(EcgError):
    """The registry of conditions cannot do what was asked."""


class ConditionNotFound(ConditionError):
    """No condition with this id."""


class BuiltInCondition(ConditionError):
    """The condition belongs to the catalogue and cannot be removed."""


class CapacityError(EcgError):
    """The service is busy; `retry_after_s` says when to try again."""

    def __init__(self, retry_after_s: int = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"retry after {retry_after_s} s")


class Overloaded(CapacityError):
    """The queue of waiting diagnoses is full."""


class DeadlineExceeded(CapacityError):
    """The request was not answered within its deadline."""


class ModelError(EcgError):
    """The model cannot answer."""


class ModelNotReady(ModelError):
    """The bundle is not loaded and warmed yet."""


class InvalidBundle(ModelError):
    """A file of the bundle is missing, altered or inconsistent with its manifest."""


class InferenceFailed(ModelError):
    """The inference runtime failed, or returned something that is not finite."""
