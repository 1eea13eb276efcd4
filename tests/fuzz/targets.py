"""What the fuzzers feed: each target takes bytes and fails only where a promise is broken.

The promise of all: an accepted input gives what the next step may rely on, any other is refused
with the domain's own error. Time and memory are watched from outside, by the fuzzer and by the
replay of the corpus.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import numpy as np
from pydantic import ValidationError

from api_schemas import NewCondition
from ecg_core.conditions import Catalogue, understand_query
from ecg_core.errors import InputError, InvalidQuery
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.quality.faults import LARGEST_LEAD_MV, LARGEST_SAMPLE_MV
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.readers.wfdb_checks import BITS_PER_SAMPLE
from ecg_core.readers.wfdb_header import parse_header
from ecg_core.recording import Recording
from service.api.multipart import Part, read_multipart
from service.api.uploads import diagnosis_request
from service.errors import validation_faults
from service.faults import RequestError
from service.strict_json import parse_json

# Between the two files of a pair, and between the parts of other inputs that have several.
MARK = b"\n==\n"

_LIMITS = ReadLimits(max_file_bytes=1_000_000)
_LARGEST_INVENTED_FILE_BYTES = 200_000
_CATALOGUE = Catalogue.load()
_MAX_CHARACTERS = 300
_BOUNDARY = "multipart/form-data; boundary=line"
_CHUNKS = (1, 2, 7, 64, 4096)
_MAX_PARTS = 40
# The first byte of a table says what the request states about it.
_STATED = (
    StatedFacts(),
    StatedFacts(sampling_rate_hz=500.0),
    StatedFacts(units_per_mv=1000.0),
    StatedFacts(sampling_rate_hz=100.0, units_per_mv=1.0, lead_order=LEADS),
    StatedFacts(sampling_rate_hz=250.0, units_per_mv=200.0, lead_order=("I", "II")),
)

Target = Callable[[bytes], None]


def wfdb_header(data: bytes) -> None:
    """A header, with a signal file of silence that is as long as the header says."""
    _read([UploadedFile("r.hea", data), UploadedFile(f"r{_suffix(data)}", _silence(data))])


def wfdb_pair(data: bytes) -> None:
    """A header and a signal file."""
    header, _, content = data.partition(MARK)
    _read([UploadedFile("r.hea", header), UploadedFile(f"r{_suffix(header)}", content)])


def csv_table(data: bytes) -> None:
    """A table, with facts stated or not."""
    stated = _STATED[(data[0] if data else 0) % len(_STATED)]
    _read([UploadedFile("r.csv", data[1:])], stated)


def zip_archive(data: bytes) -> None:
    """An archive."""
    _read([UploadedFile("r.zip", data)])


def multipart_body(data: bytes) -> None:
    """A form: what is read of it does not hang on how it was cut into chunks."""
    size = _CHUNKS[(data[0] if data else 0) % len(_CHUNKS)]
    body = data[1:]
    whole, cut = _parts(body, len(body) or 1), _parts(body, size)
    if whole != cut:
        raise AssertionError("the chunks' size changes what is read")
    if isinstance(whole, list):
        with suppress(RequestError):
            request = diagnosis_request(whole)
            rate_hz = request.stated.sampling_rate_hz
            _hold(rate_hz is None or 0 < rate_hz < float("inf"), "a rate that is no rate")
            _hold(request.top_k is None or request.top_k > 0, "top_k")
            _hold(len(request.files) <= len(whole), "files from nowhere")


def query_text(data: bytes) -> None:
    """A query: understood the same each time, and the same with blanks around it, or refused."""
    text = data.decode("utf-8", "replace")
    first = _understood(text)
    _hold(first == _understood(f" {text}\t"), "blanks around a query change it")
    if first is not None:
        _hold(bool(first[0].strip()), "a query without a term")
        _hold(len(first[0]) <= _MAX_CHARACTERS, "a term longer than the query may be")


def json_body(data: bytes) -> None:
    """A condition to register, as JSON."""
    with suppress(ValueError):
        document = parse_json(data)
        try:
            new = NewCondition.model_validate(document)
        except ValidationError as error:
            faults = validation_faults(error.errors(include_url=False, include_input=False))
            _hold(bool(faults), "a refusal without a fault")
        else:
            _hold(NewCondition.model_validate_json(new.model_dump_json()) == new, "a lost field")


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        wfdb_header,
        wfdb_pair,
        csv_table,
        zip_archive,
        multipart_body,
        query_text,
        json_body,
    )
}


def _hold(promise: bool, broken: str) -> None:
    if not promise:
        raise AssertionError(broken)


def _read(files: list[UploadedFile], stated: StatedFacts | None = None) -> None:
    with suppress(InputError):
        recording = read_recording(files, stated or StatedFacts(), _LIMITS)
        _check_shape(recording)
        usable = check_recording(recording, allow_missing_leads=True).recording
        _check_millivolts(usable)


def _check_shape(recording: Recording) -> None:
    leads, samples_mv = recording.leads, recording.samples_mv
    _hold(samples_mv.ndim == 2 and samples_mv.shape[0] == len(leads), "shape")
    _hold(samples_mv.dtype == np.float32, "dtype")
    _hold(0 < len(leads) == len(set(leads)) and set(leads) <= set(LEADS), "leads")
    rate_hz = recording.sampling_rate_hz
    _hold(_LIMITS.min_sampling_rate_hz <= rate_hz <= _LIMITS.max_sampling_rate_hz, "rate")
    _hold(recording.duration_s <= _LIMITS.max_duration_s, "duration")


def _check_millivolts(usable: Recording) -> None:
    """After the quality check: finite, mostly an ECG's millivolts, fit for the encoder."""
    _hold(bool(np.isfinite(usable.samples_mv).all()), "a sample that is not finite")
    largest_mv = np.abs(usable.samples_mv).max()
    _hold(bool(largest_mv <= LARGEST_SAMPLE_MV), "a sample that no electrode gives")
    second = round(usable.sampling_rate_hz)
    count = usable.samples_mv.shape[1] // second
    seconds = usable.samples_mv[:, : count * second].reshape(len(usable.leads), count, second)
    typical_mv = np.median(np.ptp(seconds.astype(np.float64), axis=2), axis=1)
    _hold(bool((typical_mv <= LARGEST_LEAD_MV).all()), "implausible millivolts")
    spec = PreprocessingSpec()
    windows = prepare(usable, spec).windows
    _hold(windows.shape[1:] == (len(LEADS), spec.window_samples), "windows")
    largest = spec.clip_mv / spec.millivolts_per_unit
    _hold(bool((np.abs(windows) <= largest + 1e-6).all()), "windows that are not bounded")


def _suffix(header: bytes) -> str:
    return ".mat" if b".mat" in header else ".dat"


def _silence(header: bytes) -> bytes:
    """A signal file that fits the header, where it has one that can be told and is small."""
    try:
        parsed, faults = parse_header(header, _LIMITS.max_leads)
    except InputError:
        return b""
    if parsed is None or faults or not parsed.signals or not parsed.sample_count:
        return b"\0" * 64
    bits = BITS_PER_SAMPLE.get(parsed.frame[0].storage_format, 16)
    size = parsed.frame[0].byte_offset + -(-bits * len(parsed.frame) * parsed.sample_count // 8)
    return b"\0" * min(size, _LARGEST_INVENTED_FILE_BYTES)


def _parts(body: bytes, size: int) -> list[Part] | type[Exception]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    try:
        # Nothing in it waits, so no event loop is needed: that would take most of the time.
        read_multipart(_BOUNDARY, chunks(), _MAX_PARTS).send(None)
    except StopIteration as done:
        parts: list[Part] = done.value
        return parts
    except RequestError as error:
        return type(error)
    raise AssertionError("reading a form waits for something else than its chunks")


def _understood(text: str) -> tuple[str, str | None, bool] | None:
    try:
        query = understand_query(text, _CATALOGUE, max_characters=_MAX_CHARACTERS)
    except InvalidQuery:
        return None
    return query.term, query.condition.id if query.condition else None, query.negated
