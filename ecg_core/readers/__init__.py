"""Readers of recordings: bytes as a hospital sends them in, a `Recording` in millivolts out."""

from ecg_core.readers.archive import ArchiveBounds, is_archive, unpacked_bytes
from ecg_core.readers.base import ReadLimits, RecordingReader, StatedFacts, UploadedFile
from ecg_core.readers.grouping import RecordingSource, recordings_in
from ecg_core.readers.registry import read_recording

__all__ = [
    "ArchiveBounds",
    "ReadLimits",
    "RecordingReader",
    "RecordingSource",
    "StatedFacts",
    "UploadedFile",
    "is_archive",
    "read_recording",
    "recordings_in",
    "unpacked_bytes",
]
