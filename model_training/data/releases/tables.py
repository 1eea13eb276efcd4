"""Tables and lists of files that releases come with, read with all their faults at once."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)

CHECKSUMS = "SHA256SUMS.txt"
RECORDS = "RECORDS"


def read_table(
    folder: Path, name: str, columns: Sequence[str], faults: list[ReleaseFault]
) -> pd.DataFrame | None:
    """Columns of a CSV as text, empty cells as ""; what is wrong with it is added to the faults.

    Returns:
        None where the file is not there, no CSV, or lacks one of the columns.
    """
    path = folder / name
    if not path.is_file():
        detail = "there is no such file"
        faults.append(ReleaseFault(ReleaseFaultCode.MISSING_TABLE, name, detail))
        return None
    try:
        header = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
        missing = [column for column in columns if column not in header]
        faults += [
            ReleaseFault(ReleaseFaultCode.MISSING_COLUMN, name, f"there is no column {column}")
            for column in missing
        ]
        if missing:
            return None
        return pd.read_csv(
            path, usecols=list(columns), dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        detail = "not a CSV in UTF-8"
        faults.append(ReleaseFault(ReleaseFaultCode.MALFORMED_TABLE, name, detail))
        return None


def plain_id(cell: str) -> str:
    """An id as it is meant: columns of integers in which some are missing end in ".0"."""
    return cell.strip().removesuffix(".0")


def stated_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path within the release, from `SHA256SUMS.txt`; empty if there is none."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {pair[1].removeprefix("*").removeprefix("./"): pair[0].lower() for pair in pairs}


def table_checksum_faults(
    folder: Path, names: Iterable[str], checksums: Mapping[str, str]
) -> list[ReleaseFault]:
    """Faults of tables whose content is not what the release states."""
    return [
        ReleaseFault(ReleaseFaultCode.MALFORMED_TABLE, name, "its SHA-256 is not the stated one")
        for name in names
        if name in checksums
        and (folder / name).is_file()
        and hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksums[name]
    ]


def listed_records(folder: Path) -> Iterator[str]:
    """Paths of records, without suffix, from `RECORDS`; lines that end in "/" name a folder."""
    path = folder / RECORDS
    if not path.is_file():
        return
    for line in filter(None, map(str.strip, path.read_text().splitlines())):
        if line.endswith("/"):
            yield from (line + name for name in listed_records(folder / line))
        else:
            yield line


def of_files(
    folder: Path, recordings: Iterable[ListedRecording], suffixes: Sequence[str]
) -> tuple[list[ListedRecording], list[ReleaseFault]]:
    """Give recordings their stated digests, and find those whose files are not there.

    Args:
        folder: The release.
        recordings: Each with a location without suffix.
        suffixes: Of a recording's files, in the reader's order.
    """
    checksums = stated_checksums(folder)
    with_digests, faults = [], []
    root = os.fspath(folder)  # paths as text: there may be a million
    for recording in recordings:
        names = [recording.location + suffix for suffix in suffixes]
        if not all(os.path.isfile(f"{root}/{name}") for name in names):
            faults.append(ReleaseFault(ReleaseFaultCode.MISSING_FILE, recording.source_id))
        digests = tuple(checksums.get(name) for name in names)
        with_digests.append(replace(recording, digests=digests))
    return with_digests, faults


def duplicate_faults(recordings: Iterable[ListedRecording]) -> list[ReleaseFault]:
    """A fault for each id that comes more than once."""
    counts = Counter(recording.source_id for recording in recordings)
    return [
        ReleaseFault(ReleaseFaultCode.DUPLICATE_ID, source_id)
        for source_id, count in counts.items()
        if count > 1
    ]


def record_list_faults(
    folder: Path, recordings: Iterable[ListedRecording], prefix: str = ""
) -> list[ReleaseFault]:
    """Records of `RECORDS` that no recording stands for: nothing is known of them."""
    locations = {recording.location for recording in recordings}
    return [
        ReleaseFault(ReleaseFaultCode.NOT_LISTED, name, "in RECORDS, but nowhere else")
        for name in listed_records(folder)
        if name.startswith(prefix) and name not in locations
    ]


def finished(
    folder: Path,
    recordings: Iterable[ListedRecording],
    faults: list[ReleaseFault],
    suffixes: Sequence[str],
    prefix: str = "",
) -> Listing:
    """The listing of a release of WFDB records, with what its lists and files tell."""
    listed, file_faults = of_files(folder, recordings, suffixes)
    faults = [
        *faults,
        *file_faults,
        *duplicate_faults(listed),
        *record_list_faults(folder, listed, prefix),
    ]
    if not listed and not faults:
        detail = "there are no recordings"
        faults.append(ReleaseFault(ReleaseFaultCode.NO_RECORDINGS, "the release", detail))
    return Listing(listed, faults)
