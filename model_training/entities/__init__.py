"""Free-text ECG reports to clinical entities of the catalogue, by rules."""

from model_training.entities.audit import Audit, audit_reports
from model_training.entities.extractor import EntityExtractor, extract
from model_training.entities.labels import LabelMatrix, label_rows
from model_training.entities.model import Entity, Status

__all__ = [
    "Audit",
    "Entity",
    "EntityExtractor",
    "LabelMatrix",
    "Status",
    "audit_reports",
    "extract",
    "label_rows",
]
