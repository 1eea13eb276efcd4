"""PTB-XL (Wagner et al. 2020) as PhysioNet gives it: SCP-ECG codes, reports, ten folds."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ecg_core.conditions import Catalogue
from ecg_core.recording import Recording
from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.labels import Codes, CodeSystem
from model_training.data.releases.meanings import ptb_xl_system
from model_training.data.releases.tables import (
    finished,
    plain_id,
    read_table,
    stated_checksums,
    table_checksum_faults,
)
from model_training.data.releases.wfdb_files import read_listed
from model_training.entities.labels.scp import parse_codes, plain_code

_DATABASE, _STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
_COLUMNS = ("ecg_id", "patient_id", "report", "scp_codes", "strat_fold")
SUFFIXES = (".hea", ".dat")
LOW_RATE_PREFIX, HIGH_RATE_PREFIX = "records100/", "records500/"


@dataclass(frozen=True)
class PtbXl:
    """PTB-XL at one of its two sampling rates."""

    name: str
    rate: Literal["lr", "hr"]

    def listing(self, folder: Path) -> Listing:
        """Rows of `ptbxl_database.csv`; see `Release`."""
        faults: list[ReleaseFault] = []
        recordings = self.tabled(folder, faults)
        if recordings is None:
            return Listing((), faults)
        prefix = LOW_RATE_PREFIX if self.rate == "lr" else HIGH_RATE_PREFIX
        return finished(folder, recordings, faults, SUFFIXES, prefix)

    def tabled(self, folder: Path, faults: list[ReleaseFault]) -> list[ListedRecording] | None:
        """The recordings of its tables, whose faults are added; None where one cannot be read."""
        faults += table_checksum_faults(folder, (_DATABASE, _STATEMENTS), stated_checksums(folder))
        file_name = f"filename_{self.rate}"
        statements = read_table(folder, _STATEMENTS, ["Unnamed: 0", "description"], faults)
        database = read_table(folder, _DATABASE, [*_COLUMNS, file_name], faults)
        if database is None or statements is None:
            return None
        known = frozenset(statements["Unnamed: 0"])
        rows = database.to_dict("records")
        return [_listed(self.name, file_name, row, known, faults) for row in rows]

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        return read_listed(folder, listed, SUFFIXES)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """SCP-ECG codes; see `Release`."""
        return ptb_xl_system(catalogue)


def _listed(
    name: str,
    file_name: str,
    row: Mapping[Hashable, Any],
    known: frozenset[str],
    faults: list[ReleaseFault],
) -> ListedRecording:
    source_id = plain_id(row["ecg_id"])
    codes = _codes(row["scp_codes"])
    fold = int(row["strat_fold"]) if row["strat_fold"].isdecimal() else 0
    wrong = {
        ReleaseFaultCode.EMPTY_REPORT: not row["report"].strip(),
        ReleaseFaultCode.MALFORMED_LABEL: codes is None,
        ReleaseFaultCode.UNKNOWN_LABEL: codes is not None
        and not known.issuperset(map(plain_code, codes)),
        ReleaseFaultCode.MALFORMED_FOLD: not 1 <= fold <= 10,
    }
    faults += [ReleaseFault(code, source_id) for code, is_so in wrong.items() if is_so]
    patient_id = plain_id(row["patient_id"]) or None
    return ListedRecording(source_id, row[file_name], name, patient_id, codes, row["report"], fold)


def _codes(cell: str) -> Codes | None:
    """See `parse_codes`; None for an empty cell, or what is no such thing."""
    try:
        return parse_codes(cell) if cell.strip() else None
    except ValueError:
        return None
