"""One shard: neighbouring recordings of a release, read, checked and prepared by one process."""

import hashlib
import os
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecg_core.errors import InputError
from ecg_core.files import whole_file
from ecg_core.preprocessing import PreparedRecording, PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from model_training.data.releases.base import ListedRecording, ReleaseFaultCode, WrongChecksum
from model_training.data.releases.registry import RELEASES
from model_training.data.store.layout import SampleType


@dataclass(frozen=True)
class ShardTask:
    """What a worker is to do.

    Attributes:
        number: Of the shard.
        release: Name in the registry.
        source: Folder of the release.
        recordings: In the order of their rows.
        preprocessing: Parameters of `prepare`.
        sample_type: Type of the samples in the store.
        work: Folder to write to.
    """

    number: int
    release: str
    source: Path
    recordings: tuple[ListedRecording, ...]
    preprocessing: PreprocessingSpec
    sample_type: SampleType
    work: Path


class ShardRecord(BaseModel):
    """What became of a shard's recordings; written after its samples, so that both are whole.

    Attributes:
        kept: Which of the recordings are in it, by position, one a row.
        left_out: Reasons by position: fault codes of the readers and the quality check.
        faults: Faults of the release by position.
        longer_than_window: How many rows' recordings go on after the window.
        sha256: Of the rows' bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept: tuple[int, ...]
    left_out: dict[int, tuple[str, ...]]
    faults: dict[int, ReleaseFaultCode]
    longer_than_window: int
    sha256: str


def stored_type(sample_type: SampleType) -> "np.dtype[np.floating]":
    """How samples lie on the disk: little-endian, whatever machine writes them."""
    return np.dtype(sample_type).newbyteorder("<")


def samples_path(work: Path, number: int) -> Path:
    """Where a shard's rows are until they are in `windows.npy`: bare samples."""
    return work / f"shard-{number:06d}.samples"


def record_path(work: Path, number: int) -> Path:
    """Where a shard's record is; while there is none, the shard is not finished."""
    return work / f"shard-{number:06d}.json"


def prepare_shard(task: ShardTask) -> ShardRecord:
    """Read, check and prepare the recordings of a shard, and write it."""
    release = RELEASES[task.release]
    kept: list[int] = []
    rows: list[NDArray[np.floating]] = []
    left_out: dict[int, tuple[str, ...]] = {}
    faults: dict[int, ReleaseFaultCode] = {}
    longer = 0
    for position, listed in enumerate(task.recordings):
        try:
            recording = release.read(task.source, listed)
            report = check_recording(recording, allow_missing_leads=True)
        except InputError as error:
            left_out[position] = tuple(sorted({fault.code.value for fault in error.faults}))
        except FileNotFoundError:
            faults[position] = ReleaseFaultCode.MISSING_FILE
        except WrongChecksum:
            faults[position] = ReleaseFaultCode.WRONG_CHECKSUM
        else:
            prepared = prepare(report.recording, task.preprocessing)
            kept.append(position)
            rows.append(_row(prepared, task.sample_type))
            longer += len(prepared.windows) > 1
    content = b"".join(row.tobytes() for row in rows)
    with whole_file(samples_path(task.work, task.number)) as stream:
        stream.write(content)
    record = ShardRecord(
        kept=tuple(kept),
        left_out=left_out,
        faults=faults,
        longer_than_window=longer,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    with whole_file(record_path(task.work, task.number)) as stream:
        stream.write(record.model_dump_json().encode())
    return record


def _row(prepared: PreparedRecording, sample_type: SampleType) -> NDArray[np.floating]:
    row: NDArray[np.floating] = prepared.windows[0].astype(stored_type(sample_type))
    return row


def end_with_parent() -> None:
    """In a worker: end when the parent is gone, even if it was killed and could tell nobody."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()


def _await_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
