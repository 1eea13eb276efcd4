"""Many recordings in one request: each is read and scored by itself, and none harms another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.readers import ArchiveBounds, RecordingSource, recordings_in
from service.deadline import Checkpoint
from service.diagnosis import Diagnosis, DiagnosisEngine, DiagnosisRequest
from service.faults import FaultGatherer, InvalidParameter

# ECGs deflate to a half or a quarter, tables a little better. Only one is unpacked at a time.
_UNPACKED_RATIO = 8
_MEMBERS_PER_RECORDING = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchBounds:
    """How large a batch may be."""

    max_recordings: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose queries were understood and whose recordings are told apart.

    Attributes:
        recordings: None of them has been read.
        asked: What is asked of each; it holds no files.
    """

    recordings: tuple[RecordingSource, ...]
    asked: DiagnosisRequest

    def diagnose(self, engine: DiagnosisEngine, index: int, checkpoint: Checkpoint) -> Diagnosis:
        """Score one of the recordings, as if it had come alone.

        Raises:
            InputError: This recording is refused.
            InferenceFailed: The runtime failed.
        """
        files = tuple(self.recordings[index].fetch())
        return engine.diagnose(replace(self.asked, files=files), checkpoint)


def open_batch(request: DiagnosisRequest, engine: DiagnosisEngine, bounds: BatchBounds) -> Batch:
    """Tell the recordings apart and understand the queries, once for all.

    Args:
        request: With the files of all recordings.
        engine: Whose queries and limits count.
        bounds: How large the batch may be.

    Raises:
        InputError: What is wrong with the batch as a whole, all at once.
    """
    faults = FaultGatherer(request.faults)
    with faults.gathering():
        recordings = _recordings(request, engine, bounds) if request.files else ()
    with faults.gathering():
        understood = engine.resolver.resolve(request.queries)
    faults.raise_any()
    return Batch(recordings, replace(request, files=(), understood=tuple(understood)))


def _recordings(
    request: DiagnosisRequest, engine: DiagnosisEngine, bounds: BatchBounds
) -> tuple[RecordingSource, ...]:
    members = _MEMBERS_PER_RECORDING * bounds.max_recordings
    archive = ArchiveBounds(members, _UNPACKED_RATIO * bounds.max_bytes)
    recordings = recordings_in(request.files, engine.limits, archive)
    if not recordings:
        detail = "the archive holds no file of a recording"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    if len(recordings) > bounds.max_recordings:
        detail = f"at most {bounds.max_recordings} recordings make one batch"
        raise InvalidParameter.of(FaultCode.TOO_MANY_RECORDINGS, detail, field="recording")
    return tuple(recordings)


async def answer_each(
    count: int,
    at_once: int,
    answer: Callable[[int], Awaitable[T]],
    emit: Callable[[T], Awaitable[None]],
) -> None:
    """Answer 0 … count-1, some at once, and hand each over when it is there.

    An answer that is not taken holds up the next ones: no more than `at_once` are ever kept. What
    `emit` raises ends all of it.
    """
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await emit(await answer(index))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, at_once)):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
