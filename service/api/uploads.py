"""From an upload's form to a `DiagnosisRequest`; all faults of its fields at once."""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from starlette.requests import Request

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import standard_lead_name
from ecg_core.readers import StatedFacts, UploadedFile
from service.api.bodies import BudgetShare, IncomingBody
from service.api.multipart import Part, read_multipart
from service.diagnosis import DiagnosisRequest
from service.settings import Settings

RECORDING_FIELD = "recording"
QUERIES_FIELD = "queries"
SINGLE_FIELDS = ("top_k", "sampling_rate_hz", "units", "lead_order", "allow_missing_leads")
MAX_FILES = 8

_UNITS_PER_MV = {"mv": 1.0, "uv": 1000.0, "µv": 1000.0, "μv": 1000.0}
_TRUTH = {"true": True, "false": False}
_MAX_FIELD_CHARACTERS = 200
_SPARE_PARTS = 64

T = TypeVar("T")


async def read_diagnosis_request(
    request: Request, settings: Settings, share: BudgetShare
) -> DiagnosisRequest:
    """Take in the upload; what is wrong with its fields stands in the result's `faults`.

    Raises:
        RequestError: The body is too large, too slow, or no readable form.
        Overloaded: The service holds too many bytes of other uploads.
    """
    # One query too many is told as such; ten times as many parts are not even looked at.
    max_parts = 2 * settings.max_queries + _SPARE_PARTS
    content_type = request.headers.get("content-type", "")
    body = IncomingBody(request, settings.max_upload_bytes, share)
    async with body.arriving_within(settings.upload_timeout_s) as chunks:
        parts = await read_multipart(content_type, chunks, max_parts)
    return diagnosis_request(parts)


async def read_batch_request(
    request: Request, settings: Settings, share: BudgetShare
) -> DiagnosisRequest:
    """Take in the upload of several recordings: all of their files stand in the result's `files`.

    Raises:
        RequestError, Overloaded: As above.
    """
    max_files = MAX_FILES * settings.max_batch_recordings
    max_parts = max_files + 2 * settings.max_queries + _SPARE_PARTS
    content_type = request.headers.get("content-type", "")
    body = IncomingBody(request, settings.max_batch_bytes, share)
    # A line that is fast enough for one upload is fast enough for a larger one.
    size = max(1.0, settings.max_batch_bytes / settings.max_upload_bytes)
    async with body.arriving_within(size * settings.upload_timeout_s) as chunks:
        parts = await read_multipart(content_type, chunks, max_parts)
    return diagnosis_request(parts, max_files)


def diagnosis_request(parts: Iterable[Part], max_files: int = MAX_FILES) -> DiagnosisRequest:
    """The request that a form's parts make, with all faults of its fields."""
    form = _Form(max_files)
    for part in parts:
        form.take(part)
    return form.request()


class _Form:
    """Sorts a form's parts by field, and notes what is wrong with them."""

    def __init__(self, max_files: int) -> None:
        self._max_files = max_files
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
        else:
            self._values[part.name] = part.text.strip()

    def request(self) -> DiagnosisRequest:
        """The request, once all parts are taken."""
        if not self._files:
            self._refuse("send a recording's files", RECORDING_FIELD)
        stated = StatedFacts(
            sampling_rate_hz=self._parsed("sampling_rate_hz", _positive_number),
            units_per_mv=self._parsed("units", _units_per_mv),
            lead_order=self._parsed("lead_order", _lead_order),
        )
        top_k = self._parsed("top_k", _positive_integer)
        allow_missing_leads = self._parsed("allow_missing_leads", _truth) or False
        return DiagnosisRequest(
            files=tuple(self._files),
            queries=tuple(self._queries),
            stated=stated,
            top_k=top_k,
            allow_missing_leads=allow_missing_leads,
            faults=tuple(self._faults),
        )

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
    if text.lower() in _UNITS_PER_MV:
        return _UNITS_PER_MV[text.lower()]
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
