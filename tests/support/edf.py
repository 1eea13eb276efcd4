"""Builder of EDF files, written column by column as the format has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.base import UploadedFile
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

_UNITS_PER_MV = {"uV": 1e3, "mV": 1.0, "V": 1e-3, "nV": 1e6}
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)


def make_edf(
    recording: Recording | None = None,
    *,
    names: Sequence[str] | None = None,
    unit: str = "uV",
    digital: tuple[int, int] = (-32768, 32767),
    step: float = 2.5,
    offset: float = 0.0,
    record_s: float = 1.0,
    kind: str = "",
    annotations: bool = False,
    stored: NDArray[np.int64] | None = None,
    patient: str = "X X X X",
    start: str = "01.01.26",
    recording_text: str = "Startdate 01-JAN-2026 X X X",
    columns: dict[int, str] | None = None,
    fixed: dict[int, str] | None = None,
) -> UploadedFile:
    """An EDF file.

    Args:
        recording: What it holds; ten seconds of a regular rhythm by default.
        names: Labels, where they are not to be the leads' names.
        unit: Physical dimension; one that is unknown is written as if it were microvolts.
        digital: Least and largest digital value.
        step, offset: Units a digital step, and at digital zero.
        record_s: Duration of a record.
        kind: EDF+C, EDF+D or nothing.
        annotations: Whether EDF+ annotations stand behind the leads.
        stored: Digital values, shape (lead, sample), in place of the recording's.
        patient: Local patient identification.
        start: Date of the recording.
        recording_text: Local recording identification.
        columns: Texts to write for every signal, by the place of their column.
        fixed: Texts to write into the fixed part, by their first byte.
    """
    recording = recording or make_recording()
    if stored is None:
        in_units = recording.samples_mv.astype(np.float64) * _UNITS_PER_MV.get(unit, 1e3)
        stored = np.round((in_units - offset) / step).astype(np.int64)
    record_samples = round(record_s * recording.sampling_rate_hz)
    records = stored.shape[1] // record_samples
    data = stored[:, : records * record_samples].reshape(len(stored), records, record_samples)
    row = _row(unit, digital, step, offset, record_samples)
    texts = [[name, *row] for name in (names or recording.leads)]
    blocks = [np.ascontiguousarray(lead, "<i2") for lead in data]
    if annotations:
        texts.append(["EDF Annotations", "", "", "-1", "1", "-32768", "32767", "", "20", ""])
        tal = b"+0\x14\x14\0".ljust(40, b"\0")
        blocks.append(np.tile(np.frombuffer(tal, "<i2"), (records, 1)))
    for place, text in (columns or {}).items():
        for signal in texts[: len(recording.leads)]:
            signal[place] = text
    head = _head(patient, recording_text, start, kind, records, record_s, len(texts))
    for place, text in (fixed or {}).items():
        head = head[:place] + text + head[place + len(text) :]
    for place, width in enumerate(_WIDTHS):
        head += "".join(signal[place].ljust(width)[:width] for signal in texts)
    samples = b"".join(block[n].tobytes() for n in range(records) for block in blocks)
    return UploadedFile("ecg", head.encode("latin-1") + samples)


def _row(
    unit: str, digital: tuple[int, int], step: float, offset: float, record_samples: int
) -> list[str]:
    """The columns of a signal behind its label."""
    physical = [_number(value * step + offset) for value in digital]
    filters = "HP:0.05Hz LP:150Hz"
    return [
        *("AgAgCl electrode", unit, *physical),
        *(str(digital[0]), str(digital[1]), filters, str(record_samples), ""),
    ]


def _head(
    patient: str, recording: str, start: str, kind: str, records: int, record_s: float, signals: int
) -> str:
    """The fixed part of the header."""
    head = "0".ljust(8) + patient.ljust(80) + recording.ljust(80) + start + "12.00.00"
    head += str(256 * (signals + 1)).ljust(8) + kind.ljust(44)
    return head + str(records).ljust(8) + _number(record_s).ljust(8) + str(signals).ljust(4)


def _number(value: float) -> str:
    return f"{value:.7g}"[:8]


def changed(file: UploadedFile, start: int, content: bytes) -> UploadedFile:
    """The same file with other bytes from there on."""
    whole: Any = bytearray(file.content)
    whole[start : start + len(content)] = content
    return UploadedFile(file.name, bytes(whole))
