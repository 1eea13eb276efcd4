"""Reads a store: rows by memory map, so that only what is asked for is in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.files import file_digest, range_digest
from model_training.data.releases.labels import Codes, Labels, labels_of, pooled
from model_training.data.releases.registry import RELEASES
from model_training.data.store.layout import (
    INDEX,
    WINDOWS,
    StoreError,
    StoreManifest,
    read_manifest,
)


@dataclass(frozen=True, eq=False)
class RecordingStore:
    """A finished store. Rows of all attributes are the same recordings in the same order.

    Attributes:
        manifest: What it holds, and what was left out.
        windows: Shape (recording, lead, sample), as `prepare` makes them, mapped from the disk and
            read-only. `windows[rows]` with an array of row numbers is a copy in memory that is
            free to be changed, as torch wants it.
        ids: Shape (recording,), the release's own ids.
        sources: Shape (recording,), whose codes a recording bears.
        patient_ids: Shape (recording,); "" where the release does not say.
        folds: Shape (recording,), 1 to 10; a patient is in one fold only.
        codes: Each recording's codes; None where it is not labelled.
        reports: Shape (recording,); "" where there is none.
    """

    manifest: StoreManifest
    windows: "np.memmap[Any, np.dtype[np.floating]]"
    ids: NDArray[np.object_]
    sources: NDArray[np.object_]
    patient_ids: NDArray[np.object_]
    folds: NDArray[np.int64]
    codes: tuple[Codes | None, ...]
    reports: NDArray[np.object_]

    @classmethod
    def open(cls, folder: Path) -> "RecordingStore":
        """Open a finished store; its index is read, its windows are mapped.

        Raises:
            StoreError: It is not finished, or its files are not those that were written.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise StoreError("there is no finished store in this folder: prepare it")
        if not (folder / INDEX).is_file() or file_digest(folder / INDEX) != manifest.index_sha256:
            raise StoreError("the store's index is missing or altered")
        windows = _mapped(folder / WINDOWS, manifest)
        table = pd.read_csv(folder / INDEX, dtype=str, keep_default_na=False)
        return cls(
            manifest,
            windows,
            table["source_id"].to_numpy(object),
            table["source"].to_numpy(object),
            table["patient_id"].to_numpy(object),
            table["fold"].to_numpy(np.int64),
            tuple(_codes(table)),
            table["report"].to_numpy(object),
        )

    def rows(self, *folds: int) -> NDArray[np.intp]:
        """Row numbers of the recordings in these folds."""
        return np.flatnonzero(np.isin(self.folds, folds))

    def labels(self, catalogue: Catalogue, *, doubt_is_yes: bool = False) -> Labels:
        """Labels by condition, from the codes as this catalogue maps them; one line a row.

        Args:
            catalogue: Maps codes to conditions.
            doubt_is_yes: As in `labels_of`.
        """
        release = RELEASES[self.manifest.release]
        names = sorted(set(self.sources.tolist()))
        by_source = [np.flatnonzero(self.sources == name) for name in names]
        parts = [
            labels_of(
                [self.codes[row] for row in rows],
                release.system(name, catalogue),
                catalogue,
                doubt_is_yes=doubt_is_yes,
            )
            for name, rows in zip(names, by_source, strict=True)
        ]
        together = pooled(parts, catalogue)
        order = np.argsort(np.concatenate(by_source))
        return Labels(together.conditions, together.targets[order], together.unmapped)

    def verify(self) -> None:
        """Read all windows, and hold them against the checksums of their shards.

        Raises:
            StoreError: Some rows are not those that were written; it says which.
        """
        path = Path(str(self.windows.filename))
        start, row = self.windows.offset, 0
        row_bytes = self.windows[0].nbytes
        for shard in self.manifest.shards:
            length = shard.rows * row_bytes
            if range_digest(path, start, length) != shard.sha256:
                raise StoreError(f"rows {row} to {row + shard.rows - 1} are altered")
            start, row = start + length, row + shard.rows


def _mapped(path: Path, manifest: StoreManifest) -> "np.memmap[Any, np.dtype[np.floating]]":
    try:
        windows: np.memmap[Any, np.dtype[np.floating]] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:  # not there, or shorter than its header says
        raise StoreError("the store's windows are missing or cut off") from error
    spec = manifest.preprocessing
    shape = (manifest.recordings, len(spec.leads), spec.window_samples)
    if windows.shape != shape or windows.dtype != np.dtype(manifest.sample_type):
        raise StoreError("the store's windows are not those of its manifest")
    return windows


def _codes(table: pd.DataFrame) -> Iterator[Codes | None]:
    known: dict[str, Codes] = {}  # most recordings share theirs with others
    for labelled, text in zip(table["labelled"], table["codes"], strict=True):
        is_labelled = labelled == "1"
        yield known.setdefault(text, frozenset(text.split())) if is_labelled else None
