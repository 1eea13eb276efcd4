"""Free-text ECG reports to clinical entities of the catalogue, and these to training labels."""

from model_training.entities.audit.counter import Audit, AuditCounter, audit_reports
from model_training.entities.labels.masking import LeftOut
from model_training.entities.labels.matrix import LabelBuilder, LabelMatrix
from model_training.entities.labels.merging import Source, entity_statements
from model_training.entities.labels.storage import load_label_matrix, save_label_matrix
from model_training.entities.model import Entity, Status
from model_training.entities.rules.extractor import EntityExtractor, extract

__all__ = [
    "Audit",
    "AuditCounter",
    "Entity",
    "EntityExtractor",
    "LabelBuilder",
    "LabelMatrix",
    "LeftOut",
    "Source",
    "Status",
    "audit_reports",
    "entity_statements",
    "extract",
    "load_label_matrix",
    "save_label_matrix",
]
