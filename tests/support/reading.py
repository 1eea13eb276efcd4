"""Reading a file that is one recording, as an upload of it is read."""

from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import NoteCode, Recording


def upload(content: bytes) -> list[UploadedFile]:
    """The file under a name that tells nothing."""
    return [UploadedFile("recording", content)]


def read(content: bytes) -> Recording:
    """The recording that a file holds."""
    return read_recording(upload(content))


def note_codes(recording: Recording) -> list[NoteCode]:
    """What was noticed."""
    return [note.code for note in recording.notes]
