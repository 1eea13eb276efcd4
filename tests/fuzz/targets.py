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
from ecg_core.plausibility import LARGEST_LEAD_MV, LARGEST_SAMPLE_MV
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.readers.base import SingleFileReader
from ecg_core.readers.dicom.reader import DicomReader
from ecg_core.readers.edf.reader import EdfReader
from ecg_core.readers.wfdb.header import parse_header
from ecg_core.readers.wfdb.samples import BITS_PER_SAMPLE
from ecg_core.recording import Recording
from ecg_core.strict_json import parse_json
from service.api.error_responses import validation_faults
from service.api.intake.forms import diagnosis_form
from service.api.intake.multipart import Part, read_multipart
from service.errors import RequestError
from tests.support.format_mutations import resealed_scp
from tests.support.philips_files import make_philips
from tests.support.scp_files import record

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

# As many samples as `tests.fuzz.format_seeds` compresses.
_PHILIPS_ROWS = dict.fromkeys(LEADS, np.zeros(130, np.int64))

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


def dicom_file(data: bytes) -> None:
    """A DICOM object, whatever its bytes look like."""
    _read_by(DicomReader(), data)


def edf_file(data: bytes) -> None:
    """An EDF file, whatever its bytes look like."""
    _read_by(EdfReader(), data)


def device_document(data: bytes) -> None:
    """An XML document of any device."""
    _read([UploadedFile("r", data)])


def philips_waveforms(data: bytes) -> None:
    """Compressed waveforms in a document that is sound."""
    _read([UploadedFile("r", make_philips(_PHILIPS_ROWS, content=data))])


def scp_record(data: bytes) -> None:
    """A record whose checksums match."""
    _read([UploadedFile("r", resealed_scp(data))])


def scp_sections(data: bytes) -> None:
    """Tables, leads and rhythm in a record that is sound."""
    bodies = data.split(MARK, 2)
    _read([UploadedFile("r", record(dict(zip((3, 6, 2), bodies, strict=False))))])


def multipart_body(data: bytes) -> None:
    """A form: what is read of it does not hang on how it was cut into chunks."""
    size = _CHUNKS[(data[0] if data else 0) % len(_CHUNKS)]
    body = data[1:]
    whole, cut = _parts(body, len(body) or 1), _parts(body, size)
    if whole != cut:
        raise AssertionError("the chunks' size changes what is read")
    if isinstance(whole, list):
        with suppress(RequestError):
            form = diagnosis_form(whole)
            rate_hz = form.question.stated.sampling_rate_hz
            _hold(rate_hz is None or 0 < rate_hz < float("inf"), "a rate that is no rate")
            _hold(form.question.top_k is None or form.question.top_k > 0, "top_k")
            _hold(len(form.files) <= len(whole), "files from nowhere")


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
        dicom_file,
        edf_file,
        device_document,
        philips_waveforms,
        scp_record,
        scp_sections,
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
        _check(read_recording(files, stated or StatedFacts(), _LIMITS))


def _read_by(reader: SingleFileReader, data: bytes) -> None:
    """The whole way in, and this reader alone: it must bear what it would not recognise."""
    _read([UploadedFile("r", data)])
    with suppress(InputError):
        _check(reader.read_file(data, _LIMITS))


def _check(recording: Recording) -> None:
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
    bits = BITS_PER_SAMPLE.get(parsed.frames[0][0].storage_format, 16)
    size = parsed.frames[0][0].byte_offset + -(
        -bits * len(parsed.frames[0]) * parsed.sample_count // 8
    )
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
