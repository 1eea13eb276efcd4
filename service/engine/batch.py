"""Many recordings in one request: each is read and scored by itself, and none harms another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import Fault, FaultCode, UnreadableRecording
from ecg_core.readers import ArchiveBounds, RecordingSource, UploadedFile, recordings_in
from service.engine.diagnosis import Diagnosis, DiagnosisEngine, Question
from service.engine.gathering import FaultGatherer
from service.errors import InvalidParameter

# ECGs deflate to a half or a quarter, tables a little better. Only one is unpacked at a time.
_UNPACKED_RATIO = 8
_MEMBERS_PER_RECORDING = 8


@dataclass(frozen=True, slots=True)
class BatchBounds:
    """Bounds on the size of a batch."""

    max_recordings: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose queries were understood and whose recordings are told apart.

    Attributes:
        recordings: None of them has been read.
        question: What is asked of each.
    """

    recordings: tuple[RecordingSource, ...]
    question: Question

    def diagnose(self, engine: DiagnosisEngine, index: int, checkpoint: Checkpoint) -> Diagnosis:
        """Score one of the recordings, as if it had come alone.

        Args:
            engine: What scores it.
            index: Which one.
            checkpoint: Called between steps; may raise to stop the work.

        Raises:
            InputError: This recording is refused.
            InferenceFailed: The runtime failed.
        """
        return engine.diagnose(self.recordings[index].fetch(), self.question, checkpoint)


def open_batch(
    files: Sequence[UploadedFile],
    question: Question,
    engine: DiagnosisEngine,
    bounds: BatchBounds,
    known_faults: Sequence[Fault] = (),
    checkpoint: Checkpoint = no_checkpoint,
) -> Batch:
    """Tell the recordings apart and understand the queries, once for all.

    Args:
        files: Those of all recordings.
        question: What is asked of each.
        engine: Whose queries and limits count.
        bounds: How large the batch may be.
        known_faults: What is known to be wrong with the question already: told with the rest.
        checkpoint: Called before each query; may raise to stop the work.

    Raises:
        InputError: What is wrong with the batch as a whole, all at once.
    """
    faults = FaultGatherer(known_faults)
    with faults.gathering():
        recordings = _recordings(files, engine, bounds) if files else ()
    with faults.gathering():
        understood = engine.resolver.resolve(question.queries, checkpoint)
    faults.raise_any()
    return Batch(recordings, replace(question, understood=tuple(understood)))


def _recordings(
    files: Sequence[UploadedFile], engine: DiagnosisEngine, bounds: BatchBounds
) -> tuple[RecordingSource, ...]:
    members = _MEMBERS_PER_RECORDING * bounds.max_recordings
    archive = ArchiveBounds(members, _UNPACKED_RATIO * bounds.max_bytes)
    recordings = recordings_in(files, engine.limits, archive)
    if not recordings:
        detail = "the archive holds no file of a recording"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    if len(recordings) > bounds.max_recordings:
        detail = f"at most {bounds.max_recordings} recordings make one batch"
        raise InvalidParameter.of(FaultCode.TOO_MANY_RECORDINGS, detail, field="recording")
    return tuple(recordings)
