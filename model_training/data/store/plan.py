"""What a store is to be made of, and the shards that are to be prepared for it."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.base import ListedRecording, ReleaseFaultCode
from model_training.data.store.layout import FORMAT_VERSION, SampleType, StoreError
from model_training.data.store.shards import ShardTask, record_path


@dataclass(frozen=True)
class StoreRequest:
    """What to make a store of.

    Attributes:
        release: Name in the registry of releases.
        source: Folder of the release.
        store: Folder of the store to be.
        preprocessing: Parameters of `prepare`.
        sample_type: float16 halves the size and errs by at most 2 µV of 5 mV; float32 is exact.
        leave_out: Faults of the release whose recordings are left out and counted; any other
            fault refuses the release.
        shard_recordings: Recordings that are prepared, and redone after a kill, together.
    """

    release: str
    source: Path
    store: Path
    preprocessing: PreprocessingSpec
    sample_type: SampleType = "float16"
    leave_out: frozenset[ReleaseFaultCode] = frozenset()
    shard_recordings: int = 256


def plan_digest(request: StoreRequest, recordings: Sequence[ListedRecording]) -> str:
    """A digest of all that shapes a store."""
    digest = hashlib.sha256()
    settings = [FORMAT_VERSION, request.release, request.sample_type, request.shard_recordings]
    digest.update(json.dumps([*settings, request.preprocessing.model_dump()]).encode())
    for listed in recordings:
        facts = (*(getattr(listed, name) for name in listed.__slots__ if name != "codes"),)
        codes = None if listed.codes is None else sorted(listed.codes)
        digest.update(json.dumps([facts, codes]).encode())
    return digest.hexdigest()


def tasks_of(
    request: StoreRequest, recordings: Sequence[ListedRecording], work: Path
) -> list[ShardTask]:
    """Shards of neighbouring recordings."""
    size = request.shard_recordings
    return [
        ShardTask(
            number,
            request.release,
            request.source,
            tuple(recordings[number * size : (number + 1) * size]),
            request.preprocessing,
            request.sample_type,
            work,
        )
        for number in range(ceil(len(recordings) / size))
    ]


def check_room(request: StoreRequest, tasks: Sequence[ShardTask]) -> None:
    """See that what is not prepared yet has room on the disk.

    Raises:
        StoreError: It has not.
    """
    leads, samples = len(request.preprocessing.leads), request.preprocessing.window_samples
    row_bytes = leads * samples * np.dtype(request.sample_type).itemsize
    # The shard that is being moved is there twice.
    rows = sum(len(task.recordings) for task in open_tasks(tasks)) + request.shard_recordings
    if shutil.disk_usage(request.store).free < rows * row_bytes:
        raise StoreError(f"the disk has no room for {rows * row_bytes} bytes more")


def open_tasks(tasks: Sequence[ShardTask]) -> list[ShardTask]:
    """Those that are not prepared yet."""
    return [task for task in tasks if not record_path(task.work, task.number).exists()]
