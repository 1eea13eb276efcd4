"""Signal quality: what is refused, what is warned of, and whether a reader would accept it."""

from ecg_core.quality.check import check_recording
from ecg_core.quality.report import QualityReport, QualityWarning, QualityWarningCode

__all__ = ["QualityReport", "QualityWarning", "QualityWarningCode", "check_recording"]
