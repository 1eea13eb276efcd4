"""`cardioquery convert`."""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from cardioquery.cli.exits import ExitCode, fail, failures_as_exit_codes
from cardioquery.cli.inspect import inspected, show
from cardioquery.cli.options import LeadOrder, SamplingRateHz, Units
from cardioquery.cli.reading import read_here, refusals_as_exit_codes, stated_facts
from ecg_core.recording import Recording

Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="A recording in any format that is read (of a WFDB pair the header, or a zip of "
        "it); - is standard input.",
        show_default=False,
    ),
]
Target = Annotated[
    Path, typer.Argument(metavar="OUT", help="A .csv, or a WFDB .hea.", show_default=False)
]

# A nanovolt a unit holds what every converter gives, and more than a volt.
_UNITS_PER_MV = 1_000_000
_WFDB_FORMAT = 32
_NO_VALUE = -(2**31)
_LARGEST = 2**31 - 1
# WFDB allows nothing else in a record's name (header(5)).
_RECORD_NAME = re.compile(r"[A-Za-z0-9_-]+")


def convert(
    source: Source,
    target: Target,
    sampling_rate_hz: SamplingRateHz = None,
    units: Units = None,
    lead_order: LeadOrder = None,
) -> None:
    """Write a recording as a table or as WFDB, in millivolts; only the signals are written."""
    with failures_as_exit_codes(), refusals_as_exit_codes():
        files = _target_files(target)
        recording = read_here([source], stated_facts(sampling_rate_hz, units, lead_order))
        written = _table(recording) if len(files) == 1 else _wfdb(recording, files[0].stem)
        for path, content in zip(files, written, strict=True):
            _write(path, content)
        show(inspected(recording))


def _target_files(target: Path) -> list[Path]:
    """The files to write, none of which is there."""
    suffix = target.suffix.lower()
    if suffix not in {".csv", ".hea"}:
        raise fail("OUT has to end in .csv or .hea", ExitCode.USAGE)
    if suffix == ".hea" and not _RECORD_NAME.fullmatch(target.stem):
        message = "the name of a WFDB record holds only letters, digits, - and _"
        raise fail(message, ExitCode.USAGE)
    files = [target] if suffix == ".csv" else [target, target.with_suffix(".dat")]
    for path in files:
        if path.exists():
            raise fail(f"{path} is there already", ExitCode.USAGE)
    return files


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise fail(f"{path}: {error.strerror or error}", ExitCode.USAGE) from None


def _table(recording: Recording) -> list[bytes]:
    """Seconds and millivolts, with as many digits as the samples have."""
    titles = ["time (s)", *(f"{lead} (mV)" for lead in recording.leads)]
    seconds = np.arange(recording.samples_mv.shape[1]) / recording.sampling_rate_hz
    rows = zip(seconds.tolist(), *(map(str, row) for row in recording.samples_mv), strict=True)
    lines = [",".join(titles), *(",".join([f"{time:.9g}", *samples]) for time, *samples in rows)]
    return ["\n".join([*lines, ""]).encode()]


def _wfdb(recording: Recording, name: str) -> list[bytes]:
    """Header and signal file, a nanovolt a unit; samples without a value stay such."""
    nanovolts = np.rint(recording.samples_mv.astype(np.float64) * _UNITS_PER_MV)
    is_missing = ~np.isfinite(nanovolts)
    digital = np.where(is_missing, _NO_VALUE, np.clip(nanovolts, -_LARGEST, _LARGEST))
    digital = digital.astype(np.int64)
    count = digital.shape[1]
    lines = [f"{name} {len(recording.leads)} {recording.sampling_rate_hz!r} {count}"]
    lines += [
        f"{name}.dat {_WFDB_FORMAT} {_UNITS_PER_MV}(0)/mV 32 0 {row[0]} {_checksum(row)} 0 {lead}"
        for lead, row in zip(recording.leads, digital, strict=True)
    ]
    return ["\n".join([*lines, ""]).encode(), digital.T.astype("<i4").tobytes()]


def _checksum(row: NDArray[np.int64]) -> int:
    return (int(row.sum()) + 2**15) % 2**16 - 2**15
