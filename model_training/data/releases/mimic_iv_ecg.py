"""MIMIC-IV-ECG (Gow et al. 2023) as PhysioNet gives it: 800,035 recordings and machine reports."""

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
from model_training.data.releases.labels import CodeSystem
from model_training.data.releases.tables import (
    finished,
    plain_id,
    read_table,
    stated_checksums,
    table_checksum_faults,
)
from model_training.data.releases.wfdb_files import read_listed

_RECORDS, _MEASUREMENTS = "record_list.csv", "machine_measurements.csv"
_REPORTS = tuple(f"report_{number}" for number in range(18))
_SUFFIXES = (".hea", ".dat")
# What a report's lines are joined by: each is a statement of its own.
REPORT_JOINER = ". "


class MimicIvEcg:
    """MIMIC-IV-ECG: reports and no codes; its files store aVF before aVL, and some hold NaN."""

    name = "mimic-iv-ecg"

    def listing(self, folder: Path) -> Listing:
        """Rows of `record_list.csv` with the reports of the same study; see `Release`."""
        faults = table_checksum_faults(folder, (_RECORDS, _MEASUREMENTS), stated_checksums(folder))
        records = read_table(folder, _RECORDS, ["subject_id", "study_id", "path"], faults)
        measurements = read_table(folder, _MEASUREMENTS, ["study_id", *_REPORTS], faults)
        if records is None or measurements is None:
            return Listing((), faults)
        columns = [measurements[column].tolist() for column in _REPORTS]
        reports = {
            plain_id(study_id): REPORT_JOINER.join(filter(None, map(_statement, parts)))
            for study_id, *parts in zip(measurements["study_id"], *columns, strict=True)
        }
        rows = records.to_dict("records")
        recordings = [_listed(self.name, row, reports, faults) for row in rows]
        return finished(folder, recordings, faults, _SUFFIXES)

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        return read_listed(folder, listed, _SUFFIXES)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """It has no codes: what its reports say is for `model_training.entities`."""
        return CodeSystem(catalogue.by_snomed)


def _listed(
    name: str,
    row: Mapping[Hashable, Any],
    reports: Mapping[str, str],
    faults: list[ReleaseFault],
) -> ListedRecording:
    study_id = plain_id(row["study_id"])
    report = reports.get(study_id, "")
    if not report:
        faults.append(ReleaseFault(ReleaseFaultCode.EMPTY_REPORT, study_id))
    return ListedRecording(study_id, row["path"], name, plain_id(row["subject_id"]), None, report)


def _statement(cell: str) -> str:
    return cell.strip().rstrip(".")
