"""Chapman-Shaoxing-Ningbo (Zheng et al. 2022) as PhysioNet gives it, `ecg-arrhythmia`."""

from pathlib import Path

from ecg_core.conditions import Catalogue
from ecg_core.recording import Recording
from model_training.data.releases.base import ListedRecording, Listing, ReleaseFault
from model_training.data.releases.challenge import Challenge, list_challenge
from model_training.data.releases.labels import CodeSystem
from model_training.data.releases.meanings import chapman_system
from model_training.data.releases.tables import (
    read_table,
    stated_checksums,
    table_checksum_faults,
)

_NAMES = "ConditionNames_SNOMED-CT.csv"


class ChapmanShaoxingNingbo:
    """A tree `WFDBRecords/01/010/JS00001.{hea,mat}` and a list of names of most of its codes."""

    name = "chapman-shaoxing-ningbo"

    def listing(self, folder: Path) -> Listing:
        """All headers of the tree; see `Release`. A recording's id is its path."""
        faults: list[ReleaseFault] = table_checksum_faults(
            folder, [_NAMES], stated_checksums(folder)
        )
        read_table(folder, _NAMES, ["Acronym Name", "Snomed_CT"], faults)
        listing = list_challenge(folder, folder / "WFDBRecords", lambda _, __: self.name)
        return Listing(listing.recordings, [*faults, *listing.faults])

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        return Challenge().read(folder, listed)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """SNOMED CT codes in the set's own sense; see `Release`."""
        return chapman_system(catalogue)
