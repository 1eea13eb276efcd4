"""Readers of recordings: bytes as a hospital sends them in, a `Recording` in millivolts out."""

from ecg_core.readers.base import ReadLimits, RecordingReader, StatedFacts, UploadedFile
from ecg_core.readers.registry import read_recording

__all__ = ["ReadLimits", "RecordingReader", "StatedFacts", "UploadedFile", "read_recording"]
