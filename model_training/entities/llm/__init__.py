"""Entities from reports by a language model behind any OpenAI-compatible endpoint."""

from model_training.entities.llm.config import LlmConfig
from model_training.entities.llm.errors import EndpointRefuses, ExtractionFailure, FailureKind
from model_training.entities.llm.reader import LlmReader, LlmReading, Report, RunCounts

__all__ = [
    "EndpointRefuses",
    "ExtractionFailure",
    "FailureKind",
    "LlmConfig",
    "LlmReader",
    "LlmReading",
    "Report",
    "RunCounts",
]
