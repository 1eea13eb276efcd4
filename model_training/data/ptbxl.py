"""PTB-XL (Wagner et al. 2020) with the labels of the zero-shot benchmark (MERL's splits).

Reads the public release's layout. Recordings go through the readers, the quality check and the
preprocessing that serve; a recording that those refuse is left out and counted, and a label
always comes with its own recording's id.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.conditions import Catalogue, Condition
from ecg_core.errors import InputError
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.readers import UploadedFile, read_recording

TRAINING_FOLDS = tuple(range(1, 9))
VALIDATION_FOLD = 9
TEST_FOLD = 10
BENCHMARK_SETS = {
    "ptbxl_super": "super_class",
    "ptbxl_sub": "sub_class",
    "ptbxl_form": "form",
    "ptbxl_rhythm": "rhythm",
}
_METADATA_COLUMNS = 6  # ecg_id, patient_id, strat_fold, filename_lr, filename_hr, label list


@dataclass(frozen=True, eq=False)
class LabelledRecordings:
    """Prepared recordings, their labels by condition, and the benchmark's label sets.

    Attributes:
        ecg_ids: Shape (recording,).
        folds: Shape (recording,), 1 to 10; a patient is in one fold only.
        windows: Shape (recording, lead, sample), float32, as `prepare` makes them.
        conditions: Ids of the catalogue's conditions that have a label somewhere.
        targets: Shape (recording, condition), float32: 1 yes, 0 no, NaN not said.
        benchmark: For each set a table of classes by ecg_id; only its own recordings are in it.
        left_out: Why recordings of the release are not here, with their number.
    """

    ecg_ids: NDArray[np.int64]
    folds: NDArray[np.int64]
    windows: NDArray[np.float32]
    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    benchmark: dict[str, pd.DataFrame]
    left_out: dict[str, int]

    def rows(self, *folds: int) -> NDArray[np.intp]:
        """Row numbers of the recordings in these folds."""
        return np.flatnonzero(np.isin(self.folds, folds))

    def without(self, conditions: Collection[str]) -> "LabelledRecordings":
        """The same recordings with no label of these conditions; those unknown are passed over."""
        kept = [column for column, name in enumerate(self.conditions) if name not in conditions]
        names = tuple(self.conditions[column] for column in kept)
        return replace(self, conditions=names, targets=self.targets[:, kept])


def load_ptbxl(
    shared: Path, spec: PreprocessingSpec, catalogue: Catalogue, cache: Path
) -> LabelledRecordings:
    """Read the release and the benchmark's labels.

    Args:
        shared: Folder with `ptb-xl/` and `zero-shot-benchmark/`.
        spec: Preprocessing of the bundle to be.
        catalogue: Maps SCP codes and benchmark classes to conditions.
        cache: Folder for the prepared recordings, keyed by `spec`.

    Raises:
        FileNotFoundError: A file of the release is not there.
        ValueError: A label column stands for no condition.
    """
    benchmark = {name: _benchmark_table(shared, name) for name in BENCHMARK_SETS}
    statements = pd.read_csv(shared / "ptb-xl/ptbxl_database.csv", index_col="ecg_id")
    ecg_ids, windows, left_out = _prepared(shared / "ptb-xl", spec, cache)
    folds = _folds(ecg_ids, [*benchmark.values(), statements])
    labels = {name: table.drop(columns="strat_fold") for name, table in benchmark.items()}
    conditions, targets = _targets(ecg_ids, labels, statements["scp_codes"], catalogue)
    return LabelledRecordings(ecg_ids, folds, windows, conditions, targets, labels, left_out)


def _benchmark_table(shared: Path, name: str) -> pd.DataFrame:
    folder = BENCHMARK_SETS[name]
    path = shared / "zero-shot-benchmark/ptbxl" / folder
    parts = [
        pd.read_csv(path / f"ptbxl_{folder}_{part}.csv", index_col="ecg_id")
        for part in ("train", "val", "test")
    ]
    # The three files list their columns in different orders: concat aligns them by name.
    table = pd.concat(parts)
    classes = list(parts[0].columns[_METADATA_COLUMNS - 1 :])
    return table[["strat_fold", *classes]].astype(np.int64)


def _prepared(
    release: Path, spec: PreprocessingSpec, cache: Path
) -> tuple[NDArray[np.int64], NDArray[np.float32], dict[str, int]]:
    headers = sorted(release.glob("records100/*/*_lr.hea"))
    if not headers:
        raise FileNotFoundError(f"no recordings in {release / 'records100'}")
    key = f"{spec.model_dump_json()}{[header.name for header in headers]}"
    cached = cache / f"ptbxl-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if not cached.exists():
        _prepare_all(headers, spec, cached)
    with np.load(cached) as stored:
        left_out = dict(zip(stored["reasons"].tolist(), stored["counts"].tolist(), strict=True))
        return stored["ecg_ids"], stored["windows"], left_out


def _prepare_all(headers: list[Path], spec: PreprocessingSpec, cached: Path) -> None:
    ecg_ids, windows = [], []
    left_out: Counter[str] = Counter()
    for header in tqdm(headers, desc="preparing recordings", unit="rec", mininterval=2):
        files = [
            UploadedFile(path.name, path.read_bytes())
            for path in (header, header.with_suffix(".dat"))
        ]
        try:
            report = check_recording(read_recording(files), allow_missing_leads=True)
        except InputError as error:
            left_out.update({fault.code.value for fault in error.faults})
            continue
        ecg_ids.append(int(header.stem.removesuffix("_lr")))
        windows.append(prepare(report.recording, spec).windows[0])
    cached.parent.mkdir(parents=True, exist_ok=True)
    partial = cached.with_suffix(".partial.npz")
    np.savez(
        partial,
        ecg_ids=np.array(ecg_ids),
        windows=np.stack(windows),
        reasons=np.array(list(left_out), dtype=str),
        counts=np.array(list(left_out.values()), dtype=np.int64),
    )
    partial.rename(cached)


def _folds(ecg_ids: NDArray[np.int64], tables: list[pd.DataFrame]) -> NDArray[np.int64]:
    fold_of: dict[object, int] = {}
    for table in tables:
        fold_of.update(table["strat_fold"].astype(int).to_dict())
    return np.array([fold_of[ecg_id] for ecg_id in ecg_ids.tolist()])


def _targets(
    ecg_ids: NDArray[np.int64],
    benchmark: dict[str, pd.DataFrame],
    scp_codes: "pd.Series[str]",
    catalogue: Catalogue,
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Labels by condition: a benchmark class first, then SCP codes where the class is silent."""
    columns: dict[str, NDArray[np.float32]] = {}
    stated = benchmark["ptbxl_super"].index  # every recording that has statements at all
    for name, table in benchmark.items():
        # A recording without any form statement has none of the forms; one without any rhythm
        # statement has a rhythm all the same: there nothing is said.
        known = stated.union(table.index) if name == "ptbxl_form" else table.index
        rows = table.reindex(known, fill_value=0).reindex(ecg_ids)
        for class_name in table.columns:
            condition = catalogue.by_class(name, class_name)
            _add(columns, condition, class_name, rows[class_name].to_numpy(np.float32))
    codes = scp_codes.map(lambda text: frozenset(ast.literal_eval(text))).reindex(ecg_ids)
    for code in sorted(frozenset().union(*codes.dropna())):
        values = [np.nan if held is np.nan else float(code in held) for held in codes]
        _add(columns, catalogue.by_scp(code), code, np.array(values, dtype=np.float32))
    ordered = [c.id for c in catalogue.conditions if c.id in columns]
    return tuple(ordered), np.stack([columns[name] for name in ordered], axis=1)


def _add(
    columns: dict[str, NDArray[np.float32]],
    condition: Condition | None,
    label: str,
    values: NDArray[np.float32],
) -> None:
    if condition is None:
        raise ValueError(f"the label {label} stands for no condition of the catalogue")
    name = condition.id
    earlier = columns.get(name)
    columns[name] = values if earlier is None else np.where(np.isnan(earlier), values, earlier)
