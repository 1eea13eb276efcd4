"""The part of the settings that is the engine's."""

from ecg_core.readers import ReadLimits
from service.engine.inference.onnx import RuntimeOptions
from service.engine.loading import EngineOptions
from service.settings import Settings


def engine_options(settings: Settings) -> EngineOptions:
    """The engine's means and bounds."""
    return EngineOptions(
        runtime=RuntimeOptions(settings.providers, settings.intra_op_threads),
        limits=ReadLimits(max_file_bytes=settings.max_upload_bytes),
        max_queries=settings.max_queries,
        max_query_characters=settings.max_query_characters,
        remembered_texts=settings.embedding_cache_entries,
    )
