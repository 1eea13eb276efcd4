"""Makes a store from a release: planned, prepared shard by shard in parallel, put together.

Whatever ends it (a fault, a full disk, `kill -9`, loss of power), running it again goes on where
it was; the store is there when its manifest is.
"""

import fcntl
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from ecg_core.files import whole_file
from model_training.data.releases.base import (
    BrokenRelease,
    Listing,
    ReleaseFault,
)
from model_training.data.releases.registry import RELEASES
from model_training.data.store.assembly import assemble
from model_training.data.store.layout import (
    FORMAT_VERSION,
    WORK,
    StoreError,
    StoreManifest,
    read_manifest,
)
from model_training.data.store.plan import (
    StoreRequest,
    check_room,
    open_tasks,
    plan_digest,
    tasks_of,
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


def build_store(request: StoreRequest, workers: int = 1) -> StoreManifest:
    """Make a store, or go on making it; one that is there already is left as it is.

    Args:
        request: What to make.
        workers: Processes that prepare recordings; 1 is this one alone.

    Raises:
        BrokenRelease: The release has faults that `leave_out` does not name; all are listed. What
            is sound stays prepared, for when they are mended.
        StoreError: The folder holds another store or another's beginnings, another process is
            at it, or the disk has no room.
    """
    listing = RELEASES[request.release].listing(request.source)
    return _build(request, listing, workers)


def prepared_store(request: StoreRequest, workers: int = 1) -> Path:
    """Make a store in a folder that is named after all that shapes it, unless it is there.

    Args:
        request: What to make; `store` is the folder of all such stores.
        workers: As for `build_store`, which raises the same.

    Returns:
        The store's own folder.
    """
    listing = RELEASES[request.release].listing(request.source)
    plan = plan_digest(request, listing.without_faults(request.leave_out).recordings)
    folder = request.store / f"{request.release}-{plan[:16]}"
    _build(replace(request, store=folder), listing, workers)
    return folder


def _build(request: StoreRequest, listing: Listing, workers: int) -> StoreManifest:
    sound = listing.without_faults(request.leave_out)
    plan = plan_digest(request, sound.recordings)
    finished = read_manifest(request.store)
    if finished is not None:
        if finished.plan != plan:
            raise StoreError("the folder holds another store: name another, or delete it")
        return finished
    work = request.store / WORK
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work):
        _begin(work, plan)
        tasks = tasks_of(request, sound.recordings, work)
        check_room(request, tasks)
        _prepare_all(tasks, workers)
        records = [_record(task) for task in tasks]
        left_out = _left_out(request, listing, tasks, records)
        manifest = assemble(
            request.store, tasks, records, left_out, _manifest(request, plan, listing)
        )
    shutil.rmtree(work)
    return manifest


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


def _prepare_all(tasks: Sequence[ShardTask], workers: int) -> None:
    rest = open_tasks(tasks)
    total = sum(len(task.recordings) for task in tasks)
    done = total - sum(len(task.recordings) for task in rest)
    with tqdm(
        total=total, initial=done, desc="preparing recordings", unit="rec", mininterval=2
    ) as bar:
        for task in _in_processes(rest, workers) if workers > 1 else _one_by_one(rest):
            bar.update(len(task.recordings))


def _one_by_one(tasks: Iterable[ShardTask]) -> Iterator[ShardTask]:
    for task in tasks:
        prepare_shard(task)
        yield task


def _in_processes(tasks: Iterable[ShardTask], workers: int) -> Iterator[ShardTask]:
    """Tasks as they are finished. Spawned, not forked: libraries may have threads by now."""
    waiting = iter(tasks)
    running: dict[Future[ShardRecord], ShardTask] = {}
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=end_with_parent) as pool:
        try:
            while True:
                for task in islice(waiting, _TASKS_AHEAD * workers - len(running)):
                    running[pool.submit(prepare_shard, task)] = task
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield running.pop(future)
        except BrokenProcessPool as error:
            # Libraries in C have been seen to crash on MATLAB files whose bytes were altered.
            detail = "a worker died: no memory, or a file that its reader cannot bear"
            raise StoreError(f"{detail}; what is prepared is kept") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


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
