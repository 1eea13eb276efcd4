"""The label sets of the zero-shot benchmark (MERL): which recordings are in each, by class."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ecg_core.conditions import Catalogue
from model_training.data.releases.labels import Labels

RHYTHM_SET = "ptbxl_rhythm"
PTB_XL_SETS = ("ptbxl_super", "ptbxl_sub", "ptbxl_form", RHYTHM_SET)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class _Set:
    """One set's files.

    Attributes:
        files: What their names begin with, within the benchmark's folder.
        metadata: How many columns come before those of the classes.
        column: Whose cell names the recording.
        id_of: Makes the release's own id of that cell.
        sources: Whose recordings they are: names of releases and of sources in collections.
    """

    files: str
    metadata: int
    column: str
    id_of: Callable[[str], str]
    sources: frozenset[str]


_PTB_XL = frozenset({"ptb-xl", "ptb-xl-100", "ptb-xl-benchmark"})
_SETS: Mapping[str, _Set] = {
    **{
        f"ptbxl_{name.split('_')[0]}": _Set(
            f"ptbxl/{name}/ptbxl_{name}", 6, "ecg_id", str.strip, _PTB_XL
        )
        for name in ("super_class", "sub_class", "form", "rhythm")
    },
    "cpsc2018": _Set(
        "icbeb/icbeb", 7, "filename", str.strip, frozenset({"cpsc2018", "cpsc_2018"})
    ),
    "csn": _Set(
        "chapman/chapman", 3, "ecg_path", lambda cell: PurePosixPath(cell).stem,
        frozenset({"chapman-shaoxing-ningbo", "chapman-ningbo", "chapman_shaoxing", "ningbo"}),
    ),
}  # fmt: skip


def split_file(name: str, part: str) -> str:
    """Where a part of a set lies within the benchmark's folder."""
    return f"{_SETS[name].files}_{part}.csv"


def sets_of(sources: Collection[str]) -> tuple[str, ...]:
    """The sets that recordings of these sources are in."""
    return tuple(name for name, one in _SETS.items() if one.sources & set(sources))


def read_sets(
    folder: Path, sources: Collection[str], ids: Sequence[str], parts: Sequence[str] = SPLITS
) -> dict[str, pd.DataFrame]:
    """The classes of all sets that recordings of these sources are in.

    Args:
        folder: The benchmark's.
        sources: Of the recordings at hand.
        ids: The release's own ids; a table's index has the same type if they are numbers.
        parts: Of each set: train, val, test.

    Returns:
        For each set a table of classes (0 or 1) by id, of all its recordings.

    Raises:
        FileNotFoundError: A file of the benchmark is not there.
        ValueError: A set lists a recording twice.
    """
    return {name: _read_set(folder, name, parts, ids) for name in sets_of(sources)}


def _read_set(folder: Path, name: str, splits: Sequence[str], ids: Sequence[str]) -> pd.DataFrame:
    one = _SETS[name]
    paths = [folder / split_file(name, part) for part in splits]
    parts = [pd.read_csv(path, dtype={one.column: str}) for path in paths]
    # The three files list their columns in different orders: concat aligns them by name.
    classes = list(parts[0].columns[one.metadata :])
    whole = pd.concat(parts)
    # Releases of many folders name a recording by its path: the last part is the set's name of it.
    own = {PurePosixPath(i).name: i for i in ids}
    index = [own.get(cell, cell) for cell in map(one.id_of, whole[one.column])]
    if len(set(index)) < len(index):
        raise ValueError(f"{name}: {len(index) - len(set(index))} recordings are listed twice")
    table = whole[classes].astype(np.int64)
    numbered = all(map(str.isdecimal, ids))
    return table.set_axis([int(i) for i in index] if numbered else index, axis="index")


def class_labels(
    tables: Mapping[str, pd.DataFrame], ids: Sequence[str | int], catalogue: Catalogue
) -> list[Labels]:
    """What each set says of these recordings, in the order of the sets.

    Raises:
        ValueError: A class stands for no condition of the catalogue.
    """
    found = []
    for name, table in tables.items():
        known = table.index
        if name == "ptbxl_form":
            # A recording without any form statement has none of the forms; one without any rhythm
            # statement has a rhythm all the same: there nothing is said.
            known = tables["ptbxl_super"].index.union(known)
        rows = table.reindex(known, fill_value=0).reindex(pd.Index(ids))
        conditions = [catalogue.by_class(name, class_name) for class_name in table.columns]
        meant = tuple(condition.id for condition in conditions if condition is not None)
        if len(meant) < len(conditions):
            unknown = [
                c for c, meaning in zip(table.columns, conditions, strict=True) if not meaning
            ]
            raise ValueError(f"{name}: no condition is meant by {', '.join(unknown)}")
        found.append(Labels(meant, rows.to_numpy(np.float32)))
    return found
