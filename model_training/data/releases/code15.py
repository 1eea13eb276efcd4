"""CODE-15% (Ribeiro et al. 2021) as Zenodo gives it, unzipped: HDF5 parts and `exams.csv`."""

from collections.abc import Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.errors import InputError
from ecg_core.recording import Recording
from model_training.data.releases.arrays import (
    broken_files_are_refused,
    read_hdf5,
    standard_recording,
)
from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.labels import Codes, CodeSystem
from model_training.data.releases.meanings import CODE15_CLASSES, code15_system
from model_training.data.releases.tables import duplicate_faults, plain_id, read_table

_EXAMS = "exams.csv"
_RATE_HZ = 400.0
_FLAGS = {"True": True, "1": True, "1.0": True, "False": False, "0": False, "0.0": False}


class Code15:
    """CODE-15%: 400 Hz, twelve leads, 7 or 10 s in the middle of 4,096 samples."""

    name = "code-15"

    def listing(self, folder: Path) -> Listing:
        """Rows of `exams.csv`, each found in its part; see `Release`."""
        faults: list[ReleaseFault] = []
        columns = ["exam_id", "patient_id", "trace_file", *CODE15_CLASSES]
        table = read_table(folder, _EXAMS, columns, faults)
        if table is None:
            return Listing((), faults)
        parts = {name: _rows_of(folder, name, faults) for name in sorted(set(table["trace_file"]))}
        recordings = [self._listed(row, parts, faults) for row in table.to_dict("records")]
        return Listing(recordings, [*faults, *duplicate_faults(recordings)])

    def _listed(
        self,
        row: Mapping[Hashable, Any],
        parts: Mapping[str, Mapping[str, int]],
        faults: list[ReleaseFault],
    ) -> ListedRecording:
        exam_id, part = plain_id(row["exam_id"]), row["trace_file"]
        number = parts[part].get(exam_id)
        codes = _codes(row)
        if number is None:
            faults.append(
                ReleaseFault(
                    ReleaseFaultCode.MISSING_FILE, exam_id, "not in its part, or that is not there"
                )
            )
        if codes is None:
            faults.append(ReleaseFault(ReleaseFaultCode.MALFORMED_LABEL, exam_id))
        patient_id = plain_id(row["patient_id"]) or None
        return ListedRecording(exam_id, f"{part}#{number}", self.name, patient_id, codes)

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`. The zeros around the recording are the file's, not the patient's."""
        part, _, number = listed.location.rpartition("#")
        with broken_files_are_refused():
            tracing = np.asarray(_opened(folder / part)["tracings"][int(number)])
        return standard_recording(_without_padding(tracing).T, _RATE_HZ)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """Six classes; see `Release`."""
        return code15_system(catalogue)


@lru_cache(maxsize=4)
def _opened(path: Path) -> Any:
    """Parts stay open: opening one for each of 20,000 recordings would cost more than reading."""
    return h5py.File(path, "r")


def _rows_of(folder: Path, name: str, faults: list[ReleaseFault]) -> dict[str, int]:
    """Row of each exam in a part. Parts end in a row of zeros without an exam."""
    try:
        exam_ids = read_hdf5(folder / name, "exam_id")
    except FileNotFoundError:
        return {}  # its exams are then missing, each for itself
    except InputError:
        faults.append(ReleaseFault(ReleaseFaultCode.MALFORMED_TABLE, name, "not an HDF5 of exams"))
        return {}
    return {str(exam_id): number for number, exam_id in enumerate(exam_ids.tolist()) if exam_id}


def _codes(row: Mapping[Hashable, Any]) -> Codes | None:
    flags = {name: _FLAGS.get(row[name].strip()) for name in CODE15_CLASSES}
    if None in flags.values():
        return None
    return frozenset(name for name, is_held in flags.items() if is_held)


def _without_padding(tracing: NDArray[Any]) -> NDArray[Any]:
    """From the first to the last sample that is not zero in every lead, shape (sample, lead)."""
    held = np.flatnonzero(tracing.any(axis=1))
    return tracing[held[0] : held[-1] + 1] if held.size else tracing[:0]
