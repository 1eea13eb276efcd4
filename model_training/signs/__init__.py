"""Measured signs: what an ECG says without any reader, in words and as labels.

A reader's label says that a condition is there; a sign says what it is made of, so that a condition
that was never trained can be recognised by what its description names ("PR interval above 200 ms").
"""

from model_training.signs.measured import Sign
from model_training.signs.measuring import SIGNS, measure_signs

__all__ = ["SIGNS", "Sign", "measure_signs"]
