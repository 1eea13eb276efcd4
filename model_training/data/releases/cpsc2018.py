"""CPSC2018 (Liu et al. 2018) as it was released: bare `.mat` files and `REFERENCE.csv`."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from ecg_core.conditions import Catalogue
from ecg_core.recording import Recording
from model_training.data.releases.arrays import read_matlab, standard_recording
from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.challenge import Challenge, list_challenge
from model_training.data.releases.labels import CodeSystem, class_system, conditions_of_set
from model_training.data.releases.meanings import cpsc2018_system
from model_training.data.releases.tables import duplicate_faults, read_table

_REFERENCE = "REFERENCE.csv"
_LABELS = ("First_label", "Second_label", "Third_label")
# The numbers 1 to 9 of REFERENCE.csv, as the benchmark calls the same classes.
_CLASSES = ("NORM", "AFIB", "1AVB", "CLBBB", "CRBBB", "PAC", "VPC", "STD", "STE")
_NUMBERS = frozenset("123456789")
_RATE_HZ = 500.0
_AS_CHALLENGE = "challenge"


class Cpsc2018:
    """CPSC2018, as released or in the Challenge's form: whichever the folder holds."""

    name = "cpsc2018"

    def listing(self, folder: Path) -> Listing:
        """Rows of `REFERENCE.csv`, or else all headers; see `Release`."""
        references = sorted(path for path in folder.rglob(_REFERENCE))
        if not references and any(folder.rglob("*.hea")):
            return list_challenge(folder, folder, lambda _, __: _AS_CHALLENGE)
        return self._released(folder, references or [folder / _REFERENCE])

    def _released(self, folder: Path, references: list[Path]) -> Listing:
        faults: list[ReleaseFault] = []
        files = {path.stem: path for path in folder.rglob("*.mat")}
        recordings = []
        for reference in references:
            name = reference.relative_to(folder).as_posix()
            table = read_table(folder, name, ["Recording", *_LABELS], faults)
            rows = [] if table is None else table.to_dict("records")
            recordings += [self._listed(folder, row, files, faults) for row in rows]
        known = {recording.source_id for recording in recordings}
        faults += duplicate_faults(recordings)
        faults += [
            ReleaseFault(ReleaseFaultCode.NOT_LISTED, stem, f"not in {_REFERENCE}")
            for stem in sorted(files.keys() - known)
        ]
        return Listing(recordings, faults)

    def _listed(
        self,
        folder: Path,
        row: Mapping[Hashable, Any],
        files: Mapping[str, Path],
        faults: list[ReleaseFault],
    ) -> ListedRecording:
        source_id = row["Recording"].strip()
        numbers = [cell for column in _LABELS if (cell := row[column].strip().removesuffix(".0"))]
        sound = bool(numbers) and all(cell in _NUMBERS for cell in numbers)
        if not sound:
            code = ReleaseFaultCode.MALFORMED_LABEL if numbers else ReleaseFaultCode.NOT_LABELLED
            faults.append(ReleaseFault(code, source_id))
        if source_id not in files:
            faults.append(ReleaseFault(ReleaseFaultCode.MISSING_FILE, source_id))
        path = files.get(source_id, folder / source_id).relative_to(folder).as_posix()
        codes = frozenset(_CLASSES[int(cell) - 1] for cell in numbers) if sound else None
        return ListedRecording(source_id, path, self.name, None, codes)

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        if listed.source == _AS_CHALLENGE:
            return Challenge().read(folder, listed)
        samples_mv = read_matlab(folder / listed.location, "ECG", "data")
        return standard_recording(samples_mv, _RATE_HZ)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """Nine classes, by number or by SNOMED CT code; see `Release`."""
        if source == _AS_CHALLENGE:
            return cpsc2018_system(catalogue)
        return class_system(catalogue, conditions_of_set(catalogue, "cpsc2018"))
