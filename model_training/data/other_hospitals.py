"""The external test: recordings of seven other sources, pooled, with labels by condition.

Reads `other-hospitals/` of the recordings beside the project: excerpts of public sets, each in a
layout of its own. Recordings go through the quality check and the preprocessing that serve.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.errors import InputError
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.recording import Recording
from model_training.data.releases import meanings
from model_training.data.releases.arrays import read_hdf5, read_matlab, standard_recording
from model_training.data.releases.labels import (
    Codes,
    CodeSystem,
    Labels,
    class_system,
    labels_of,
    pooled,
)
from model_training.data.releases.wfdb_files import diagnoses_of, read_wfdb

NOT_LABELLED = "not_labelled"
MISSING_FILE = "missing_file"
_SPH_RATE_HZ = 500.0


@dataclass(frozen=True, eq=False)
class OtherHospitals:
    """Prepared recordings of other hospitals, their labels, and what was left out.

    Rows are in the order of `hospitals`: source by source, recordings in the order of their ids.

    Attributes:
        recording_ids: One a row, as the source names it; unique within its hospital.
        hospitals: One a row: the folder's name, such as "chapman-ningbo".
        windows: Shape (recording, lead, sample), float32, as `prepare` makes them: of a recording
            that is longer than a window the first only, of a shorter one padded with zeros.
        conditions: Ids of the catalogue's conditions that are a column of `targets`.
        targets: Shape (recording, condition), float32: 1 the recording has the condition's code,
            or that of a narrower one; 0 it is labelled without, by a source that labels the
            condition; NaN the source does not say. A column may be without a 0 (a broader
            condition that no source labels itself) or without a 1.
        left_out: For each hospital why recordings are not here, with their number: fault codes
            of the readers and the quality check, `not_labelled`, `missing_file`.
        unmapped: For each hospital the codes that stand for no condition, with their number.
    """

    recording_ids: tuple[str, ...]
    hospitals: tuple[str, ...]
    windows: NDArray[np.float32]
    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    left_out: dict[str, dict[str, int]]
    unmapped: dict[str, dict[str, int]]

    def rows(self, *hospitals: str) -> NDArray[np.intp]:
        """Row numbers of the recordings of these hospitals."""
        return np.flatnonzero(np.isin(self.hospitals, hospitals))


@dataclass(frozen=True)
class _Listed:
    recording_id: str
    codes: Codes | None
    read: Callable[[], Recording]


@dataclass(frozen=True)
class _Source:
    listing: Callable[[Path], Iterator[_Listed]]
    system: Callable[[Catalogue], CodeSystem]


def has_other_hospitals(shared: Path) -> bool:
    """Whether there is a folder of them."""
    return (shared / "other-hospitals").is_dir()


def load_other_hospitals(
    shared: Path, spec: PreprocessingSpec, catalogue: Catalogue
) -> OtherHospitals:
    """Read, check, prepare and label the recordings of the other hospitals.

    Some seconds for the 119 recordings that are there; nothing is cached.

    Args:
        shared: Folder with `other-hospitals/`; a hospital whose folder is not there is left out.
        spec: Preprocessing of the bundle that is evaluated.
        catalogue: Maps codes to conditions, and says which are narrower.

    Raises:
        FileNotFoundError: There is no recording at all.
    """
    ids: list[str] = []
    hospitals: list[str] = []
    windows: list[NDArray[np.float32]] = []
    labels: list[Labels] = []
    left_out: dict[str, dict[str, int]] = {}
    for hospital, source in _SOURCES.items():
        folder = shared / "other-hospitals" / hospital
        if not folder.is_dir():
            continue
        kept, prepared, reasons = _prepared(source.listing(folder), spec)
        ids += [listed.recording_id for listed in kept]
        hospitals += [hospital] * len(kept)
        windows += prepared
        labels.append(
            labels_of([listed.codes for listed in kept], source.system(catalogue), catalogue)
        )
        left_out[hospital] = reasons
    if not windows:
        raise FileNotFoundError(f"no recordings in {shared / 'other-hospitals'}")
    all_labels = pooled(labels, catalogue)
    return OtherHospitals(
        tuple(ids),
        tuple(hospitals),
        np.stack(windows),
        all_labels.conditions,
        all_labels.targets,
        left_out,
        {name: dict(part.unmapped) for name, part in zip(left_out, labels, strict=True)},
    )


def _prepared(
    listing: Iterator[_Listed], spec: PreprocessingSpec
) -> tuple[list[_Listed], list[NDArray[np.float32]], dict[str, int]]:
    kept, windows = [], []
    left_out: Counter[str] = Counter()
    for listed in listing:
        if listed.codes is None:
            left_out[NOT_LABELLED] += 1
            continue
        try:
            report = check_recording(listed.read(), allow_missing_leads=True)
        except InputError as error:
            left_out.update({fault.code.value for fault in error.faults})
        except FileNotFoundError:
            left_out[MISSING_FILE] += 1
        else:
            kept.append(listed)
            windows.append(prepare(report.recording, spec).windows[0])
    return kept, windows, dict(left_out)


def _challenge(folder: Path) -> Iterator[_Listed]:
    for header in sorted(folder.glob("*.hea")):
        codes = diagnoses_of(header.read_bytes())
        yield _Listed(header.stem, codes, partial(read_wfdb, header, ".mat"))


def _sph(folder: Path) -> Iterator[_Listed]:
    table = pd.read_csv(folder / "metadata.csv", dtype=str, index_col="ECG_ID")
    held = table["SNOMEDCTCode"].dropna().items()
    codes = {str(name): frozenset(str(text).split(",")) for name, text in held}
    for path in sorted(folder.glob("*.h5")):
        read = partial(_read_sph, path)
        yield _Listed(path.stem, codes.get(path.name), read)


def _read_sph(path: Path) -> Recording:
    return standard_recording(read_hdf5(path, "ecg"), _SPH_RATE_HZ)


def _code15(folder: Path) -> Iterator[_Listed]:
    table = pd.read_csv(folder / "meta.csv").sort_values("exam_id")
    for row in table.to_dict("records"):
        codes = frozenset(name for name in meanings.CODE15_CLASSES if row[name])
        read = partial(_read_code15, folder / row["save_file"], float(row["sample_rate"]))
        yield _Listed(str(row["exam_id"]), codes, read)


def _read_code15(path: Path, rate_hz: float) -> Recording:
    return standard_recording(read_matlab(path, "feats"), rate_hz)


def _brugada(folder: Path) -> Iterator[_Listed]:
    table = pd.read_csv(folder / "metadata.csv", dtype={"patient_id": str})
    codes = {row["patient_id"]: _brugada_codes(row) for row in table.to_dict("records")}
    for header in sorted(folder.glob("*/*.hea")):
        yield _Listed(header.stem, codes.get(header.stem), partial(read_wfdb, header, ".dat"))


def _brugada_codes(row: Mapping[Hashable, Any]) -> Codes | None:
    """The pattern, not the disease: who was diagnosed by a drug test shows none at rest."""
    if row["brugada"] not in (0, 1) or row["brugada"] != row["basal_pattern"]:
        return None
    return frozenset({"brugada"} if row["brugada"] else ())


_SOURCES: Mapping[str, _Source] = {
    "chapman-ningbo": _Source(_challenge, meanings.chapman_system),
    "cpsc2018": _Source(_challenge, meanings.cpsc2018_system),
    "cpsc2018-extra": _Source(_challenge, meanings.sparse_system),
    "ptb-diagnostic": _Source(_challenge, meanings.sparse_system),
    "sph": _Source(_sph, meanings.sph_system),
    "code15": _Source(_code15, meanings.code15_system),
    "brugada-huca": _Source(
        _brugada, lambda catalogue: class_system(catalogue, {"brugada": "brugada-pattern"})
    ),
}
