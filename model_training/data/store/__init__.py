"""Recordings prepared once, in one memory-mapped file with an index (docs/train/data.md)."""

from model_training.data.store.build import build_store, prepared_store
from model_training.data.store.layout import StoreError, StoreManifest
from model_training.data.store.plan import StoreRequest
from model_training.data.store.reader import RecordingStore

__all__ = [
    "RecordingStore",
    "StoreError",
    "StoreManifest",
    "StoreRequest",
    "build_store",
    "prepared_store",
]
