"""Builders of what tests feed in: recordings, and the files that hospitals would send of them."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from ecg_core.readers.base import UploadedFile
from ecg_core.recording import Recording

# For programs that tests run in a process of their own. Not getrusage: its peak is inherited from
# the parent across exec.
PEAK_KB = """
from pathlib import Path
def peak_kb():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
"""

# P, Q, R, S, T as (seconds after the beat's start, width in seconds, millivolts in I and in II).
_WAVES = (
    (0.16, 0.025, 0.08, 0.12),
    (0.27, 0.010, -0.06, -0.10),
    (0.30, 0.012, 0.70, 1.00),
    (0.33, 0.010, -0.10, -0.20),
    (0.55, 0.045, 0.20, 0.28),
)
# How far each chest lead's R wave is that of II: from rS in V1 to qR in V6.
_CHEST_WEIGHTS = (-0.6, -0.3, 0.4, 1.1, 1.2, 0.9)


def make_recording(
    *,
    leads: Sequence[str] = LEADS,
    sampling_rate_hz: float = 500.0,
    duration_s: float = 10.0,
    heart_rate_bpm: float = 75.0,
) -> Recording:
    """A regular rhythm whose limb leads satisfy Einthoven's and Goldberger's equations."""
    seconds = np.arange(round(duration_s * sampling_rate_hz)) / sampling_rate_hz
    phase_s = seconds % (60.0 / heart_rate_bpm)
    one, two = (_waves(phase_s, column) for column in (2, 3))
    by_name = {
        "I": one,
        "II": two,
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }
    # A little of lead I keeps the chest leads independent of each other.
    for number, weight in enumerate(_CHEST_WEIGHTS, 1):
        by_name[f"V{number}"] = weight * two + 0.05 * number * one
    samples_mv = np.stack([by_name[lead] for lead in leads]).astype(np.float32)
    return Recording(samples_mv, tuple(leads), sampling_rate_hz, "wfdb")


def _waves(phase_s: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    total = np.zeros_like(phase_s)
    for wave in _WAVES:
        total += wave[column] * np.exp(-0.5 * ((phase_s - wave[0]) / wave[1]) ** 2)
    return total


def make_wfdb(
    recording: Recording | None = None,
    *,
    storage_format: str = "16",
    gain: float | None = None,
    baseline: int = 0,
    units: str = "mV",
    names: Sequence[str] | None = None,
    matlab: bool = False,
) -> list[UploadedFile]:
    """A WFDB pair, written by the WFDB library itself.

    Args:
        recording: What to write; a regular rhythm by default.
        storage_format: 16, 212, 80, 24 or 32.
        gain: ADC units per unit; by default 1000 per mV, 25 where there are 8 bits only.
        baseline: ADC value of 0 mV.
        units: Units of the gain, mV or uV.
        names: Signal names, where they are not to be the standard ones.
        matlab: Write a `.mat` as the PhysioNet Challenges do, not a `.dat`.
    """
    recording = recording or make_recording()
    units_per_mv = 1.0 if units.lower() == "mv" else 1000.0
    gain = gain or (25.0 if storage_format == "80" else 1000.0) / units_per_mv
    digital = np.round(recording.samples_mv.T.astype(np.float64) * gain * units_per_mv) + baseline
    return write_wfdb(
        digital.astype(np.int64),
        names or recording.leads,
        sampling_rate_hz=recording.sampling_rate_hz,
        storage_format=storage_format,
        gain=gain,
        baseline=baseline,
        units=units,
        matlab=matlab,
    )


def write_wfdb(
    digital: NDArray[np.int64],
    names: Sequence[str],
    *,
    sampling_rate_hz: float = 500.0,
    storage_format: str = "16",
    gain: float = 1000.0,
    baseline: int = 0,
    units: str = "mV",
    matlab: bool = False,
) -> list[UploadedFile]:
    """A WFDB pair of given ADC values, shape (sample, signal)."""
    count, signals = digital.shape
    header, content = _written(
        digital.astype(np.int64).tobytes(),
        tuple(names),
        sampling_rate_hz,
        storage_format,
        gain,
        baseline,
        units,
    )
    if matlab:
        header = header.replace("record.dat 16 ", "record.mat 16+24 ")
        content = pack("<5i4s", 30, signals, count, 0, 4, b"val\0") + content
    suffix = ".mat" if matlab else ".dat"
    return [
        UploadedFile("record.hea", header.encode()),
        UploadedFile("record" + suffix, content),
    ]


@lru_cache(maxsize=32)
def _written(
    digital: bytes,
    names: tuple[str, ...],
    sampling_rate_hz: float,
    storage_format: str,
    gain: float,
    baseline: int,
    units: str,
) -> tuple[str, bytes]:
    """Header and signal file. Remembered: the library takes 40 ms, and most tests want the same."""
    signals = len(names)
    with TemporaryDirectory() as folder:
        wfdb.wrsamp(
            "record",
            fs=sampling_rate_hz,
            units=[units] * signals,
            sig_name=list(names),
            d_signal=np.frombuffer(digital, dtype=np.int64).reshape(-1, signals).copy(),
            fmt=[storage_format] * signals,
            adc_gain=[gain] * signals,
            baseline=[baseline] * signals,
            write_dir=folder,
        )
        return Path(folder, "record.hea").read_text(), Path(folder, "record.dat").read_bytes()


def edit_header(files: Sequence[UploadedFile], *edits: tuple[str, str]) -> list[UploadedFile]:
    """The same files, with text of the header replaced; each edit must find something."""
    header, *others = files
    text = header.content.decode()
    for old, new in edits:
        if old not in text:
            raise ValueError(f"the header does not hold {old!r}")
        text = text.replace(old, new)
    return [UploadedFile(header.name, text.encode()), *others]


def make_wfdb_zip(files: Sequence[UploadedFile] | None = None, *, folder: str = "") -> UploadedFile:
    """A zip of one WFDB pair."""
    return make_zip({folder + file.name: file.content for file in files or make_wfdb()})


def make_zip(members: dict[str, bytes], *, compression: int = ZIP_DEFLATED) -> UploadedFile:
    """A zip of the given members."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return UploadedFile("recording.zip", buffer.getvalue())


def make_csv(
    recording: Recording | None = None,
    *,
    names: Sequence[str] | None = None,
    units: str = "mV",
    time_unit: str | None = "s",
    counter: bool = False,
    header: bool = True,
    separator: str = ",",
    decimal: str = ".",
    newline: str = "\n",
    encoding: str = "utf-8",
) -> list[UploadedFile]:
    """A table of one lead a column; what is not written is to be stated.

    Args:
        recording: What to write; two seconds of a regular rhythm by default.
        names: The leads' names in the header, where they are not to be the standard ones.
        units: mV or uV; "" writes mV and does not say so.
        time_unit: s or ms; None leaves the time column out.
        counter: Whether a column that counts the samples stands in front.
        header: Whether there is a line of names.
        separator: Between cells.
        decimal: Decimal mark.
        newline: Between lines.
        encoding: Of the file.
    """
    recording = recording or make_recording(duration_s=2.0)
    factor = 1000.0 if units == "uV" else 1.0
    columns = [factor * samples for samples in recording.samples_mv.astype(np.float64)]
    titles = [f"{name} ({units})" if units else name for name in names or recording.leads]
    samples = np.arange(len(columns[0]))
    if time_unit:
        columns.insert(0, samples / recording.sampling_rate_hz * (1e3 if time_unit == "ms" else 1))
        titles.insert(0, f"time ({time_unit})")
    if counter:
        columns.insert(0, samples)
        titles.insert(0, "sample")
    lines = [separator.join(titles)] if header else []
    lines += [
        separator.join(f"{value:.9g}".replace(".", decimal) for value in row)
        for row in zip(*columns, strict=True)
    ]
    return [UploadedFile("recording.csv", newline.join([*lines, ""]).encode(encoding))]
