"""Free-text ECG reports to clinical entities of the catalogue, and these to training labels."""

from model_training.entities.audit import Audit, AuditCounter, audit_reports
from model_training.entities.extractor import EntityExtractor, extract
from model_training.entities.labels import Source, entity_statements
from model_training.entities.masking import LeftOut, mask_conditions
from model_training.entities.matrix import LabelBuilder, LabelMatrix
from model_training.entities.model import Entity, Status
from model_training.entities.storage import load_label_matrix, save_label_matrix

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
    "mask_conditions",
    "save_label_matrix",
]
