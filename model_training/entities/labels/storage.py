"""Label matrices on disk: a folder with `labels.npz` and `labels.json`, checked when read."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue

from ecg_core.files import file_digest
from model_training.entities.labels.matrix import LabelMatrix

FORMAT = 3  # 2: doubt is a value; 3: reports that nothing read have no row
_ARRAYS = (
    "report_ids", "offsets", "columns", "values", "sources", "stated", "origins", "starts", "ends",
)  # fmt: skip


class LabelManifest(BaseModel):
    """The content of `labels.json`.

    Attributes:
        format: Version of this layout.
        sha256: Of `labels.npz`.
        reports: How many.
        labels: How many.
        conditions: Ids, one a column.
        source_names: In the order of their priority.
        stated_conditions: Ids.
        origin_names: Rules, wordings and codes.
        dropped: Rare conditions and how many reports affirm them.
        extractors: Digest of each source's rules, prompt or codes.
        about: Settings, inputs and counts of the run that made it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    sha256: str
    reports: int
    labels: int
    conditions: tuple[str, ...]
    source_names: tuple[str, ...]
    stated_conditions: tuple[str, ...]
    origin_names: tuple[str, ...]
    dropped: dict[str, int]
    extractors: dict[str, str]
    about: dict[str, JsonValue]


def label_key(**parts: Any) -> str:
    """The digest of all that shapes a matrix; the same parts give the same key."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def label_folder(parent: Path, key: str) -> Path:
    """Where the matrix with this key lies."""
    return parent / f"labels-{key}"


def save_label_matrix(
    matrix: LabelMatrix,
    folder: Path,
    extractors: dict[str, str],
    about: dict[str, JsonValue],
    write_rest: Callable[[Path], None] = lambda partial: None,
) -> None:
    """Write a matrix; the folder appears when it is complete, and replaces an older one.

    Args:
        matrix: The labels.
        folder: Where to; its name should come from `label_folder`.
        extractors: Digest of each source.
        about: What a reader should know of the run.
        write_rest: Writes more files into the folder before it appears.
    """
    partial = folder.with_name(f".partial-{os.getpid()}-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        arrays = {name: getattr(matrix, name) for name in _ARRAYS}
        np.savez_compressed(partial / "labels.npz", **arrays)
        manifest = LabelManifest(
            format=FORMAT, sha256=file_digest(partial / "labels.npz"),
            reports=len(matrix.report_ids), labels=len(matrix.columns),
            conditions=matrix.conditions, source_names=matrix.source_names,
            stated_conditions=matrix.stated_conditions, origin_names=matrix.origin_names,
            dropped=matrix.dropped, extractors=extractors, about=about,
        )  # fmt: skip
        (partial / "labels.json").write_text(manifest.model_dump_json(indent=1) + "\n")
        write_rest(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_label_matrix(folder: Path) -> LabelMatrix:
    """Read a matrix as `save_label_matrix` wrote it.

    Args:
        folder: With `labels.npz` and `labels.json`.

    Returns:
        The matrix; `targets` or `rows` give it as float32 (report, condition).

    Raises:
        FileNotFoundError: One of the two files is not there.
        ValueError: They do not belong together, or are of another format.
    """
    manifest = load_label_manifest(folder)
    path = folder / "labels.npz"
    if file_digest(path) != manifest.sha256:
        raise ValueError("labels.npz is not the file that labels.json describes")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _ARRAYS}
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError("labels.npz lacks arrays") from error
    names = {"conditions", "source_names", "stated_conditions", "origin_names", "dropped"}
    return LabelMatrix(**arrays, **{name: getattr(manifest, name) for name in names})


def load_label_manifest(folder: Path) -> LabelManifest:
    """Read `labels.json` alone.

    Raises:
        FileNotFoundError: It is not there.
        ValueError: It is of another format.
    """
    manifest = LabelManifest.model_validate_json((folder / "labels.json").read_text())
    if manifest.format != FORMAT:
        raise ValueError(f"the labels have format {manifest.format}, not {FORMAT}")
    return manifest
