"""Recordings of other hospitals: folders of the PhysioNet/CinC Challenge, SNOMED after `#Dx`."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ecg_core.conditions import Catalogue
from ecg_core.errors import InputError
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.readers import UploadedFile, read_recording

HOSPITALS = ("chapman-ningbo", "cpsc2018", "cpsc2018-extra", "ptb-diagnostic")
_DIAGNOSES = re.compile(r"^#\s*Dx:(.*)$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class ExternalRecordings:
    """Prepared recordings of several hospitals and what their headers say.

    Attributes:
        ids: One a recording.
        hospitals: One a recording.
        windows: Each recording's windows, shape (window, lead, sample).
        present: Each recording's conditions: those coded, and all that are broader.
        left_out: Why recordings are not here, with their number.
    """

    ids: tuple[str, ...]
    hospitals: tuple[str, ...]
    windows: tuple[Tensor, ...]
    present: tuple[frozenset[str], ...]
    left_out: dict[str, int]

    def labels(self, conditions: tuple[str, ...]) -> NDArray[np.float32]:
        """Shape (recording, condition): 1 yes, 0 no, NaN where the hospital never says it."""
        said = np.array([[c in held for c in conditions] for held in self.present], dtype=bool)
        labels = said.reshape(len(self.ids), len(conditions)).astype(np.float32)
        hospitals = np.array(self.hospitals)
        for hospital in set(self.hospitals):
            inside = hospitals == hospital
            labels[np.ix_(inside, ~said[inside].any(axis=0))] = np.nan
        return labels


def load_external(
    folder: Path, spec: PreprocessingSpec, catalogue: Catalogue
) -> ExternalRecordings:
    """Read all hospitals that are there; a recording that is refused is counted, not repaired.

    Args:
        folder: With one folder a hospital.
        spec: Preprocessing of the bundle.
        catalogue: Maps SNOMED codes to conditions.
    """
    headers = [path for name in HOSPITALS for path in sorted((folder / name).glob("*.hea"))]
    read: list[tuple[str, str, Tensor, frozenset[str]]] = []
    left_out: Counter[str] = Counter()
    for header in tqdm(headers, desc="other hospitals", unit="rec", mininterval=2):
        samples = header.with_suffix(".mat")
        files = [UploadedFile(path.name, path.read_bytes()) for path in (header, samples)]
        try:
            report = check_recording(read_recording(files), allow_missing_leads=True)
        except InputError as error:
            left_out.update({fault.code.value for fault in error.faults})
            continue
        windows = torch.from_numpy(np.array(prepare(report.recording, spec).windows))
        present = _present(header.read_text(errors="replace"), catalogue)
        read.append((header.stem, header.parent.name, windows, present))
    ids, hospitals, prepared, conditions = zip(*read, strict=True) if read else ((),) * 4
    return ExternalRecordings(ids, hospitals, prepared, conditions, dict(left_out))


def _present(header: str, catalogue: Catalogue) -> frozenset[str]:
    line = _DIAGNOSES.search(header)
    codes = line.group(1).split(",") if line else []
    coded = [c for code in codes if (c := catalogue.by_snomed(code.strip())) is not None]
    broader = (a.id for c in coded for a in catalogue.ancestors(c.id))
    return frozenset([*(c.id for c in coded), *broader])
