"""PTB-XL as the zero-shot benchmark lists it: the release's tables, and the splits beside them."""

from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from ecg_core.conditions import Catalogue
from ecg_core.recording import Recording
from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.benchmark import PTB_XL_SETS, SPLITS, split_file
from model_training.data.releases.labels import CodeSystem, conditions_of_set
from model_training.data.releases.ptb_xl import LOW_RATE_PREFIX, SUFFIXES, PtbXl
from model_training.data.releases.tables import finished, plain_id, read_table
from model_training.data.releases.wfdb_files import read_listed

RELEASE, BENCHMARK = "ptb-xl", "zero-shot-benchmark"
_COLUMNS = ("ecg_id", "patient_id", "strat_fold", "filename_lr")


class PtbXlBenchmark:
    """PTB-XL at 100 Hz in a folder that holds `ptb-xl/` and `zero-shot-benchmark/`.

    A recording that only the benchmark lists has neither codes nor a report: its classes label it.
    So a report that is empty is no fault here.
    """

    name = "ptb-xl-benchmark"

    def listing(self, folder: Path) -> Listing:
        """Recordings of either, in the order of their ids; see `Release`."""
        faults: list[ReleaseFault] = []
        tabled = PtbXl(self.name, "lr").tabled(folder / RELEASE, faults)
        split = self._split(folder / BENCHMARK, faults)
        faults = [fault for fault in faults if fault.code is not ReleaseFaultCode.EMPTY_REPORT]
        if tabled is None or split is None:
            return Listing((), faults)
        folds = {listed.source_id: listed.fold for listed in tabled}
        faults += [
            ReleaseFault(ReleaseFaultCode.MALFORMED_FOLD, source_id, "two tables say two folds")
            for source_id, listed in split.items()
            if folds.get(source_id, listed.fold) != listed.fold
        ]
        recordings = [*tabled, *(one for i, one in split.items() if i not in folds)]
        recordings.sort(key=_number)
        return finished(folder / RELEASE, recordings, faults, SUFFIXES, LOW_RATE_PREFIX)

    def _split(self, folder: Path, faults: list[ReleaseFault]) -> dict[str, ListedRecording] | None:
        """The benchmark's rows by id; None where one of its tables cannot be read."""
        found: dict[str, ListedRecording] = {}
        whole = True
        for name in PTB_XL_SETS:
            seen: Counter[str] = Counter()
            for part in SPLITS:
                table = read_table(folder, split_file(name, part), _COLUMNS, faults)
                whole &= table is not None
                for row in [] if table is None else table.to_dict("records"):
                    listed = _listed(self.name, row)
                    seen[listed.source_id] += 1
                    earlier = found.setdefault(listed.source_id, listed)
                    if listed.fold is None or earlier.fold != listed.fold:
                        code = ReleaseFaultCode.MALFORMED_FOLD
                        faults.append(ReleaseFault(code, listed.source_id))
            faults += [
                ReleaseFault(ReleaseFaultCode.DUPLICATE_ID, source_id)
                for source_id, count in seen.items()
                if count > 1
            ]
        return found if whole else None

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        return read_listed(folder / RELEASE, listed, SUFFIXES)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """SCP-ECG codes as they stand, beside the benchmark's classes.

        A code is for its own condition alone, and denied where it is not written: so the figures
        of the benchmark's models are made. Who has no rhythm statement has a rhythm all the same.
        """
        rhythms = frozenset(conditions_of_set(catalogue, "ptbxl_rhythm").values())
        return CodeSystem(catalogue.by_scp, one_of=rhythms, affirms_broader=False, is_complete=True)


def _listed(name: str, row: Mapping[Hashable, Any]) -> ListedRecording:
    fold = int(row["strat_fold"]) if row["strat_fold"].isdecimal() else 0
    return ListedRecording(
        source_id=plain_id(row["ecg_id"]),
        location=row["filename_lr"],
        source=name,
        patient_id=plain_id(row["patient_id"]) or None,
        fold=fold if 1 <= fold <= 10 else None,
    )


def _number(listed: ListedRecording) -> tuple[int, str]:
    is_number = listed.source_id.isdecimal()
    return (int(listed.source_id) if is_number else 0, listed.source_id)
