"""Puts prepared shards together into a store, in place of their own files; can be resumed."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ecg_core.files import file_digest, publish, range_digest, whole_file
from model_training.data.releases.base import ListedRecording
from model_training.data.store.layout import (
    INDEX,
    LEFT_OUT,
    MANIFEST,
    WINDOWS,
    WORK,
    Shard,
    StoreError,
    StoreManifest,
)
from model_training.data.store.shards import (
    ShardRecord,
    ShardTask,
    record_path,
    samples_path,
    stored_type,
)

INDEX_COLUMNS = ("source_id", "source", "patient_id", "fold", "labelled", "codes", "report")


def assemble(
    store: Path,
    tasks: Sequence[ShardTask],
    records: Sequence[ShardRecord],
    left_out: Sequence[tuple[str, str]],
    manifest: StoreManifest,
) -> StoreManifest:
    """Write a store's files, the manifest last.

    Args:
        store: Its folder.
        tasks: All shards, in order.
        records: What became of each.
        left_out: Id and reason of what is not in it.
        manifest: What is known of it so far.

    Returns:
        The manifest as it was written.

    Raises:
        StoreError: A shard is not what its record says, or nothing was kept at all.
    """
    rows = sum(len(record.kept) for record in records)
    if not rows:
        raise StoreError("every recording was left out: there is nothing to store")
    windows = _move_shards(store, tasks, records, manifest, rows)
    with whole_file(store / INDEX) as stream:
        stream.write(_csv(INDEX_COLUMNS, _index_lines(tasks, records)))
    with whole_file(store / LEFT_OUT) as stream:
        stream.write(_csv(("source_id", "reason"), left_out))
    finished = manifest.model_copy(
        update={
            "recordings": rows,
            "longer_than_window": sum(record.longer_than_window for record in records),
            "left_out": dict(Counter(reason for _, reason in left_out).most_common()),
            "index_sha256": file_digest(store / INDEX),
            "shards": tuple(
                Shard(rows=len(record.kept), sha256=record.sha256) for record in records
            ),
        }
    )
    publish(windows, store / WINDOWS)
    with whole_file(store / MANIFEST) as stream:
        stream.write(finished.model_dump_json(indent=1).encode())
    return finished


def _move_shards(
    store: Path,
    tasks: Sequence[ShardTask],
    records: Sequence[ShardRecord],
    manifest: StoreManifest,
    rows: int,
) -> Path:
    """One file of all rows. A shard's own file goes once its rows are on the disk in there."""
    windows = store / WORK / WINDOWS
    if (store / WINDOWS).exists():  # killed when only the manifest was lacking
        publish(store / WINDOWS, windows)
    spec = manifest.preprocessing
    shape = (rows, len(spec.leads), spec.window_samples)
    sample_type = stored_type(manifest.sample_type)
    offset = _npy_header_bytes(windows, shape, sample_type)
    row_bytes = shape[1] * shape[2] * sample_type.itemsize
    altered = 0
    with windows.open("r+b") as stream:
        for task, record in zip(tasks, records, strict=True):
            length = len(record.kept) * row_bytes
            altered += not _move(task, record, stream.fileno(), windows, offset, length)
            offset += length
        stream.truncate(offset)
        os.fsync(stream.fileno())
    if altered:
        raise StoreError(f"{altered} prepared shards were altered: run it again to redo them")
    return windows


def _npy_header_bytes(
    path: Path, shape: tuple[int, ...], sample_type: "np.dtype[np.floating]"
) -> int:
    """Write the header of the file where there is none, and tell its length."""
    header = io.BytesIO()
    description = np.lib.format.dtype_to_descr(sample_type)
    np.lib.format.write_array_header_1_0(
        header, {"descr": description, "fortran_order": False, "shape": shape}
    )
    content = header.getvalue()
    with path.open("r+b" if path.exists() else "w+b") as stream:
        stream.write(content)
    return len(content)


def _move(
    task: ShardTask, record: ShardRecord, descriptor: int, windows: Path, offset: int, length: int
) -> bool:
    """Whether the shard is what its record says; if not, it counts as not prepared."""
    samples = samples_path(task.work, task.number)
    if samples.exists():
        content = samples.read_bytes()
        is_sound = hashlib.sha256(content).hexdigest() == record.sha256
        if is_sound:
            _write_all(descriptor, content, offset)
            os.fsync(descriptor)
    else:  # it was moved before a kill
        is_sound = range_digest(windows, offset, length) == record.sha256
    if not is_sound:
        record_path(task.work, task.number).unlink()
    samples.unlink(missing_ok=True)
    return is_sound


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _index_lines(
    tasks: Sequence[ShardTask], records: Sequence[ShardRecord]
) -> Iterator[tuple[object, ...]]:
    for task, record in zip(tasks, records, strict=True):
        for position in record.kept:
            listed = task.recordings[position]
            is_labelled = listed.codes is not None
            codes = " ".join(sorted(listed.codes or ()))
            fold, report = _fold(listed), listed.report or ""
            facts = (listed.source_id, listed.source, listed.patient_id or "")
            yield (*facts, fold, int(is_labelled), codes, report)


def _fold(listed: ListedRecording) -> int:
    """The release's own fold, or one of ten by a hash of the patient: each is in one only."""
    if listed.fold is not None:
        return listed.fold
    who = listed.patient_id or listed.source_id
    return 1 + int.from_bytes(hashlib.sha256(who.encode()).digest()[:8]) % 10


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue().encode()
