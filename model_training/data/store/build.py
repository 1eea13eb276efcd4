"""Makes a store from a release: planned, prepared shard by shard in parallel, put together.

Whatever ends it (a fault, a full disk, `kill -9`, loss of power), running it again goes on where
it was; the store is there when its manifest is.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import ceil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.base import (
    BrokenRelease,
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.registry import RELEASES
from model_training.data.store.assembly import assemble
from model_training.data.store.layout import (
    FORMAT_VERSION,
    WORK,
    SampleType,
    StoreError,
    StoreManifest,
    read_manifest,
    whole_file,
)
from model_training.data.store.shards import (
    ShardRecord,
    ShardTask,
    end_with_parent,
    prepare_shard,
    record_path,
    samples_path,
)

_PLAN = "plan"
_TASKS_AHEAD = 2  # tasks a worker: one that it does, one that waits for it


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


def build_store(request: StoreRequest, workers: int = 1) -> StoreManifest:
    """Make a store, or go on making it; one that is there already is left as it is.

    Args:
        request: What to make.
        workers: Processes that prepare recordings.

    Raises:
        BrokenRelease: The release has faults that `leave_out` does not name; all are listed. What
            is sound stays prepared, for when they are mended.
        StoreError: The folder holds another store or another's beginnings, another process is
            at it, or the disk has no room.
    """
    listing = RELEASES[request.release].listing(request.source)
    sound = listing.without_faults(request.leave_out)
    plan = _digest(request, sound.recordings)
    finished = read_manifest(request.store)
    if finished is not None:
        if finished.plan != plan:
            raise StoreError("the folder holds another store: name another, or delete it")
        return finished
    work = request.store / WORK
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work):
        _begin(work, plan)
        tasks = _tasks(request, sound.recordings, work)
        _check_room(request, tasks)
        _prepare_all(tasks, workers)
        records = [_record(task) for task in tasks]
        left_out = _left_out(request, listing, tasks, records)
        manifest = assemble(
            request.store, tasks, records, left_out, _manifest(request, plan, listing)
        )
    shutil.rmtree(work)
    return manifest


def _digest(request: StoreRequest, recordings: Sequence[ListedRecording]) -> str:
    digest = hashlib.sha256()
    settings = [FORMAT_VERSION, request.release, request.sample_type, request.shard_recordings]
    digest.update(json.dumps([*settings, request.preprocessing.model_dump()]).encode())
    for listed in recordings:
        facts = (*(getattr(listed, name) for name in listed.__slots__ if name != "codes"),)
        codes = None if listed.codes is None else sorted(listed.codes)
        digest.update(json.dumps([facts, codes]).encode())
    return digest.hexdigest()


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keeps other processes out; the lock ends with the process, however that ends."""
    with (work / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError("another process is making this store") from error
        yield


def _begin(work: Path, plan: str) -> None:
    path = work / _PLAN
    if not path.exists():
        with whole_file(path) as stream:
            stream.write(plan.encode())
    elif path.read_text() != plan:
        detail = "the folder holds the beginnings of another store (or the release has changed)"
        raise StoreError(f"{detail}: name another, or delete it")


def _tasks(
    request: StoreRequest, recordings: Sequence[ListedRecording], work: Path
) -> list[ShardTask]:
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


def _check_room(request: StoreRequest, tasks: Sequence[ShardTask]) -> None:
    leads, samples = len(request.preprocessing.leads), request.preprocessing.window_samples
    row_bytes = leads * samples * np.dtype(request.sample_type).itemsize
    # The shard that is being moved is there twice.
    rows = sum(len(task.recordings) for task in _open_tasks(tasks)) + request.shard_recordings
    if shutil.disk_usage(request.store).free < rows * row_bytes:
        raise StoreError(f"the disk has no room for {rows * row_bytes} bytes more")


def _open_tasks(tasks: Sequence[ShardTask]) -> list[ShardTask]:
    return [task for task in tasks if not record_path(task.work, task.number).exists()]


def _prepare_all(tasks: Sequence[ShardTask], workers: int) -> None:
    rest = _open_tasks(tasks)
    total = sum(len(task.recordings) for task in tasks)
    done = total - sum(len(task.recordings) for task in rest)
    if not rest:
        return
    waiting = iter(rest)
    running: dict[Future[ShardRecord], int] = {}
    # Spawned, not forked: libraries that were imported before may have threads.
    with (
        ProcessPoolExecutor(
            min(workers, len(rest)), get_context("spawn"), initializer=end_with_parent
        ) as pool,
        tqdm(
            total=total, initial=done, desc="preparing recordings", unit="rec", mininterval=2
        ) as bar,
    ):
        try:
            while True:
                ahead = _TASKS_AHEAD * workers - len(running)
                for task in islice(waiting, ahead):
                    running[pool.submit(prepare_shard, task)] = len(task.recordings)
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    bar.update(running.pop(future))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _record(task: ShardTask) -> ShardRecord:
    return ShardRecord.model_validate_json(record_path(task.work, task.number).read_bytes())


def _left_out(
    request: StoreRequest,
    listing: Listing,
    tasks: Sequence[ShardTask],
    records: Sequence[ShardRecord],
) -> list[tuple[str, str]]:
    """Id and reason of whatever is not in the store.

    Raises:
        BrokenRelease: Files turned out to be missing or altered, and may not be left out. Their
            shards count as not prepared.
    """
    pairs = [(fault.item, fault.code.value) for fault in listing.faults]
    refused: list[ReleaseFault] = []
    for task, record in zip(tasks, records, strict=True):
        for position, code in record.faults.items():
            fault = ReleaseFault(code, task.recordings[position].source_id)
            pairs.append((fault.item, code.value))
            if code not in request.leave_out:
                refused.append(fault)
                record_path(task.work, task.number).unlink(missing_ok=True)
                samples_path(task.work, task.number).unlink(missing_ok=True)
        for position, reasons in record.left_out.items():
            pairs += [(task.recordings[position].source_id, reason) for reason in reasons]
    if refused:
        raise BrokenRelease(refused)
    return pairs


def _manifest(request: StoreRequest, plan: str, listing: Listing) -> StoreManifest:
    """All of the manifest that is known before the store is put together."""
    return StoreManifest(
        format_version=FORMAT_VERSION,
        release=request.release,
        plan=plan,
        preprocessing=request.preprocessing,
        sample_type=request.sample_type,
        recordings=0,
        listed=len(listing.recordings),
        longer_than_window=0,
        left_out={},
        index_sha256="",
        shards=(),
    )
