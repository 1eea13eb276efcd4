"""Uploads taken in: bounded in bytes, parts and time."""

from starlette.requests import Request

from service.api.intake.bodies import IncomingBody
from service.api.intake.forms import MAX_FILES, DiagnosisForm, diagnosis_form
from service.api.intake.multipart import read_multipart
from service.runtime.upload_budget import BudgetShare
from service.settings import Settings

_SPARE_PARTS = 64
_ONLY_IN_FHIR = "is only for an answer in FHIR: ask for it with Accept: application/fhir+json"
_ONLY_FOR_ONE = "is said of one recording: send it alone, to /diagnose"


async def read_diagnosis_form(
    request: Request, settings: Settings, share: BudgetShare, *, as_fhir: bool
) -> DiagnosisForm:
    """Take in the upload; what is wrong with its fields stands in the result's `faults`.

    Args:
        request: The request.
        settings: Bounds.
        share: What the upload's bytes are taken from.
        as_fhir: Whether the answer is to be in FHIR; only then it may say whose recording it is.

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
    return diagnosis_form(parts, no_fhir=None if as_fhir else _ONLY_IN_FHIR)


async def read_batch_form(
    request: Request, settings: Settings, share: BudgetShare
) -> DiagnosisForm:
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
    return diagnosis_form(parts, max_files, _ONLY_FOR_ONE)
