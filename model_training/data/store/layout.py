"""The files of a store, and how they are written so that a half one is never taken for whole.

::

    manifest.json   written last: a folder without it is no store
    windows.npy     shape (recording, lead, sample)
    index.csv       one line a row: ids, patient, fold, codes, report
    left_out.csv    what the release lists and the store has not, with the reason
    unfinished/     while it is made: finished shards, the growing windows; gone afterwards
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ecg_core.errors import EcgError
from ecg_core.preprocessing import PreprocessingSpec

FORMAT_VERSION = 1
MANIFEST, WINDOWS, INDEX, LEFT_OUT = "manifest.json", "windows.npy", "index.csv", "left_out.csv"
WORK = "unfinished"

SampleType = Literal["float16", "float32"]


class StoreError(EcgError):
    """A store is not finished, altered, or of other settings; the message says what to do."""


class Shard(BaseModel):
    """Neighbouring rows that were prepared together, as they lie in `windows.npy`.

    Attributes:
        rows: How many.
        sha256: Of their bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    sha256: str


class StoreManifest(BaseModel):
    """What a store holds.

    Attributes:
        format_version: Of this layout.
        release: Name of the release.
        plan: Digest of all that shapes the store: recordings, labels, preprocessing, sample type.
        preprocessing: Parameters that the windows were prepared with.
        sample_type: Type of the windows' samples.
        recordings: Number of rows.
        listed: Number of recordings that the release lists.
        longer_than_window: Rows whose recording goes on after the window that is kept.
        left_out: Why recordings are not here, with their number; one may have several reasons.
        index_sha256: Of `index.csv`.
        shards: In the order of the rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int
    release: str
    plan: str
    preprocessing: PreprocessingSpec
    sample_type: SampleType
    recordings: int
    listed: int
    longer_than_window: int
    left_out: dict[str, int]
    index_sha256: str
    shards: tuple[Shard, ...]


def read_manifest(folder: Path) -> StoreManifest | None:
    """The manifest of a finished store; None where there is none.

    Raises:
        StoreError: It is of another version, or no manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = StoreManifest.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise StoreError("the store's manifest cannot be read: prepare it anew") from error
    if manifest.format_version != FORMAT_VERSION:
        raise StoreError("the store is of another format version: prepare it anew")
    return manifest
